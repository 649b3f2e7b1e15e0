/** Below this, levels are small integers, which V8 keeps without an object. */
const SMALL = 2 ** 30;

/** Parts of one, so that a rate below one in a millisecond leaks in whole numbers too. */
const PARTS = 1000;

/**
 * A leaky bucket for many senders: `perSecond` leak out of each, and `burst` fit in. What is in the bucket of one sender
 * is a whole number that is kept by whoever knows the sender, 0 for one that was quiet; only this class can read it.
 */
export class RateLimiter {
  readonly #parts: number;
  readonly #perMs: number;
  readonly #burst: number;

  constructor(perSecond: number, burst: number) {
    this.#parts = burst * PARTS < SMALL ? PARTS : 1;
    this.#perMs = (perSecond * this.#parts) / 1000;
    this.#burst = burst * this.#parts;
  }

  /** The level when nothing has come for `ms`, a whole number of milliseconds. */
  leaked(level: number, ms: number): number {
    return level === 0 ? 0 : Math.max(0, level - Math.floor(ms * this.#perMs));
  }

  /**
   * The level with `amount` more, or undefined when that is too much. An empty bucket takes whatever it is: one that
   * never took what is larger than the burst would refuse it for ever.
   */
  with(level: number, amount: number): number | undefined {
    const next = level + Math.ceil(amount * this.#parts);
    return next > this.#burst && level > 0 ? undefined : next;
  }
}
