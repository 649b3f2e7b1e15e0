import type { Clock, Timer } from './clock.js';

/** Times of {@link TimeSlots}. */
export interface SlotTiming {
  readonly clock: Pick<Clock, 'setInterval' | 'clearInterval' | 'setImmediate' | 'clearImmediate'>;
  /** Time that the items wait for, in milliseconds. It may be set, as the system clock may. */
  readonly now: () => number;
  /** Milliseconds between two looks. An item is called back at most two steps after its time, and never before. */
  readonly stepMs: number;
  /** Most items in one turn of the event loop: many may have the same time. */
  readonly batch: number;
}

/**
 * Calls back for many items, each at its time, with one timer that runs while there is any item. Items wait in slots of one
 * step. Slots are found by their time and not by counting ticks, because the clock may be set.
 */
export class TimeSlots<T> {
  readonly #timing: SlotTiming;
  readonly #due: (item: T) => void;
  readonly #slots = new Map<number, Set<T>>();
  /** Slots whose time has come. */
  readonly #passing = new Map<number, Set<T>>();
  /** Walk over the items of {@link #passing}, which goes on in the next turn. */
  #walk: Iterator<T> | undefined;
  #size = 0;
  /** Lower bound of the slots. */
  #earliest = Infinity;
  #timer: Timer | undefined;
  #turn: unknown;

  /** @param due called once for each item, which is removed before */
  constructor(timing: SlotTiming, due: (item: T) => void) {
    this.#timing = timing;
    this.#due = due;
  }

  /** Number of waiting items. */
  get size(): number {
    return this.#size;
  }

  /** Adds an item that does not wait yet. Returns its slot, for {@link delete}. */
  add(item: T, at: number): number {
    const { clock, stepMs } = this.#timing;
    // The first look that is not before the time of the item.
    const slot = Math.ceil(at / stepMs);
    const items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, new Set([item]));
    else items.add(item);
    this.#size++;
    this.#earliest = Math.min(this.#earliest, slot);
    if (this.#timer === undefined) {
      this.#timer = clock.setInterval(this.#tick, stepMs);
      this.#timer.unref();
    }
    return slot;
  }

  /** Removes an item that still waits. @param slot as returned by {@link add} */
  delete(item: T, slot: number): void {
    const items = this.#slots.get(slot);
    if (items?.delete(item)) {
      if (items.size === 0) this.#slots.delete(slot);
    } else if (!this.#passing.get(slot)?.delete(item)) return;
    if (--this.#size === 0) this.stop();
  }

  /** Forgets all items, and ends the timer. */
  stop(): void {
    const { clock } = this.#timing;
    clock.clearInterval(this.#timer);
    clock.clearImmediate(this.#turn);
    this.#timer = this.#turn = this.#walk = undefined;
    this.#slots.clear();
    this.#passing.clear();
    this.#size = 0;
    this.#earliest = Infinity;
  }

  readonly #tick = (): void => {
    const passed = Math.floor(this.#timing.now() / this.#timing.stepMs);
    if (this.#earliest <= passed) this.#pass(passed);
    if (this.#turn === undefined && this.#passing.size > 0) this.#look();
  };

  #pass(passed: number): void {
    // After a jump of the clock, most of the passed slots do not exist.
    if (passed - this.#earliest < this.#slots.size)
      for (let slot = this.#earliest; slot <= passed; slot++) this.#passSlot(slot);
    else
      for (const slot of [...this.#slots.keys()].sort((a, b) => a - b))
        if (slot <= passed) this.#passSlot(slot);
    this.#earliest = passed + 1;
  }

  #passSlot(slot: number): void {
    const items = this.#slots.get(slot);
    if (items === undefined) return;
    this.#slots.delete(slot);
    const earlier = this.#passing.get(slot);
    if (earlier === undefined) this.#passing.set(slot, items);
    else for (const item of items) earlier.add(item);
  }

  readonly #look = (): void => {
    this.#turn = undefined;
    try {
      for (let left = this.#timing.batch; left > 0; left--) {
        this.#walk ??= takeAll(this.#passing);
        const next = this.#walk.next();
        if (next.done) {
          this.#walk = undefined;
          break;
        }
        this.#size--;
        this.#due(next.value);
      }
    } finally {
      if (this.#size === 0) this.stop();
      else if (this.#passing.size > 0) this.#turn = this.#timing.clock.setImmediate(this.#look);
    }
  };
}

/** Takes the items out of their slots one by one. Items that are deleted meanwhile are left out. */
function* takeAll<T>(slots: Map<number, Set<T>>): Generator<T, void> {
  for (const [slot, items] of slots) {
    for (const item of items) {
      items.delete(item);
      yield item;
    }
    slots.delete(slot);
  }
}
