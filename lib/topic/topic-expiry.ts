import type { Clock, Timer } from '../time/clock.js';

/** Milliseconds between two checks. A topic outlives its history by less than two of these steps. */
export const EXPIRY_STEP_MS = 1000;

/** Most items called back before the event loop turns. If their topics end, this takes some milliseconds. */
export const EXPIRY_BATCH = 2000;

/**
 * Calls back for many items at about their time, with one timer. Items wait in slots of a second. Many due items go in
 * batches.
 */
export class TopicExpiry<T> {
  readonly #clock: Clock;
  readonly #due: (item: T) => void;
  readonly #slots = new Map<number, T[]>();
  /** Current slot, last item first. */
  #passing: T[] = [];
  #next = 0;
  #timer: Timer | undefined;

  /** @param due called for each item at its time, and not before */
  constructor(clock: Clock, due: (item: T) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Number of waiting items. */
  get size(): number {
    let size = this.#passing.length;
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
    if (this.#timer === undefined) this.#arm(EXPIRY_STEP_MS);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#slots.clear();
    this.#passing = [];
  }

  #arm(ms: number): void {
    this.#timer = undefined;
    if (this.#slots.size === 0 && this.#passing.length === 0) return;
    this.#timer = this.#clock.setTimeout(this.#look, ms);
    this.#timer.unref();
  }

  readonly #look = (): void => {
    const end = slotOf(this.#clock.now());
    try {
      for (let left = EXPIRY_BATCH; left > 0 && this.#open(end); left--) this.#due(this.#passing.pop()!);
    } finally {
      this.#arm(this.#open(end) ? 1 : EXPIRY_STEP_MS);
    }
  };

  /** Tells whether an item is due, in a slot before `end`. */
  #open(end: number): boolean {
    while (this.#passing.length === 0 && this.#next < end) {
      // Passed first, so that items added in a call-back go to a later slot.
      const slot = this.#next++;
      this.#passing = this.#slots.get(slot)?.toReversed() ?? [];
      this.#slots.delete(slot);
    }
    return this.#passing.length > 0;
  }
}

function slotOf(at: number): number {
  return Math.floor(at / EXPIRY_STEP_MS);
}
