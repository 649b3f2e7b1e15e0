import { addressGroup } from './address-group.js';

/** Addresses that are remembered. More at the same time are a flood that this cannot tell apart. */
const MOST_ADDRESSES = 65_536;

/** Entries that each new one looks at to forget: as it adds one at most, the others are gone before long. */
const LOOKS = 2;

/** A time for each client address, which is forgotten when it is over; above a bound, the one that was set first. */
export class AddressTimes {
  /** In the order in which they were set. */
  readonly #times = new Map<string, number>();

  /** Addresses that are remembered. */
  get size(): number {
    return this.#times.size;
  }

  /** The time of an address, 0 for one that has none. */
  of(ip: string): number {
    return this.#times.size === 0 ? 0 : (this.#times.get(addressGroup(ip)) ?? 0);
  }

  /** @param time of the same clock as `now`; over when `now` has come so far */
  set(ip: string, time: number, now: number): void {
    this.#forget(now);
    const group = addressGroup(ip);
    // Behind the others, which are older.
    this.#times.delete(group);
    this.#times.set(group, time);
  }

  #forget(now: number): void {
    let looks = LOOKS;
    for (const [group, time] of this.#times) {
      const over = time <= now;
      if (looks-- === 0 || (!over && this.#times.size < MOST_ADDRESSES)) return;
      this.#times.delete(group);
    }
  }
}
