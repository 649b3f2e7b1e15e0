import { AddressTimes } from './address-times.js';

/** Client addresses that are refused for a while, because one of their connections was closed for an offence. */
export class Bans {
  readonly #until = new AddressTimes();
  readonly #time: number;
  readonly #now: () => number;

  /**
   * @param time milliseconds of a ban; 0 turns bans off
   * @param now milliseconds of a monotonic clock
   */
  constructor(time: number, now: () => number) {
    this.#time = time;
    this.#now = now;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#until.size;
  }

  /** Bans an address from now on. */
  add(ip: string): void {
    if (this.#time === 0) return;
    const now = this.#now();
    this.#until.set(ip, now + this.#time, now);
  }

  /** Returns the milliseconds left of a ban; 0 for an address that is not banned. */
  left(ip: string): number {
    return this.#until.size === 0 ? 0 : Math.max(0, this.#until.of(ip) - this.#now());
  }
}
