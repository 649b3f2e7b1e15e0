/** Below this, levels are small integers, which V8 keeps without an object. */
const SMALL = 2 ** 30;

/** Parts of one, so that a rate below one in a millisecond leaks in whole numbers too. */
const PARTS = 1000;

/**
 * Leaky bucket for many senders: `perSecond` leak out of each bucket, and `burst` fit in. The level of a sender is a
 * whole number, kept by the owner of the sender and read by this class only. It is 0 for a quiet sender.
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

  /** Returns the level after `ms` milliseconds (a whole number) without anything new. */
  leaked(level: number, ms: number): number {
    return level === 0 ? 0 : Math.max(0, level - Math.floor(ms * this.#perMs));
  }

  /**
   * Returns the level with `amount` more; undefined if that is too much. An empty bucket accepts any amount, because an
   * amount larger than the burst would else be refused for ever.
   */
  with(level: number, amount: number): number | undefined {
    const next = level + Math.ceil(amount * this.#parts);
    return next > this.#burst && level > 0 ? undefined : next;
  }
}
