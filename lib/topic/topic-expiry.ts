/** Timers, injected so that tests hold the clock. */
export interface ExpiryClock {
  now(): number;
  setTimeout(callback: () => void, ms: number): { unref(): unknown };
  clearTimeout(timer: unknown): void;
}

/** Time between two looks at what is due: a topic outlives its history by less than two of them. */
export const EXPIRY_STEP_MS = 1000;

/** Wakes many at their time, roughly, with one timer: they wait in slots of a second. */
export class TopicExpiry<T> {
  readonly #clock: ExpiryClock;
  readonly #due: (item: T) => void;
  readonly #slots = new Map<number, T[]>();
  #next = 0;
  #timer: { unref(): unknown } | undefined;

  /** @param due called for each item at its time, and not before */
  constructor(clock: ExpiryClock, due: (item: T) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Items that wait. */
  get size(): number {
    let size = 0;
    for (const items of this.#slots.values()) size += items.length;
    return size;
  }

  /** Calls back for `item` once, when the clock has passed `at`. */
  add(item: T, at: number): void {
    if (this.#slots.size === 0) this.#next = slotOf(this.#clock.now());
    const slot = Math.max(slotOf(at), this.#next);
    const items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, [item]);
    else items.push(item);
    this.#arm();
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#slots.clear();
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#slots.size === 0) return;
    this.#timer = this.#clock.setTimeout(this.#look, EXPIRY_STEP_MS);
    this.#timer.unref();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const end = slotOf(this.#clock.now());
    while (this.#next < end) {
      // Passed first: what is added in a call-back belongs to a later slot.
      const slot = this.#next++;
      const items = this.#slots.get(slot) ?? [];
      this.#slots.delete(slot);
      for (const item of items) this.#due(item);
    }
    this.#arm();
  };
}

function slotOf(at: number): number {
  return Math.floor(at / EXPIRY_STEP_MS);
}
