import { AddressTimes } from './address-times.js';

/** Client addresses that are refused for a while, because a connection of theirs was closed for what it did. */
export class Bans {
  readonly #until = new AddressTimes();
  readonly #time: number;
  readonly #now: () => number;

  /**
   * @param time milliseconds of a ban; 0 bans nobody
   * @param now milliseconds of a clock that does not go back
   */
  constructor(time: number, now: () => number) {
    this.#time = time;
    this.#now = now;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#until.size;
  }

  /** From now on, for as long as a ban lasts. */
  add(ip: string): void {
    if (this.#time === 0) return;
    const now = this.#now();
    this.#until.set(ip, now + this.#time, now);
  }

  /** Milliseconds that an address is still refused for, 0 for one that is not. */
  left(ip: string): number {
    return this.#until.size === 0 ? 0 : Math.max(0, this.#until.of(ip) - this.#now());
  }
}
