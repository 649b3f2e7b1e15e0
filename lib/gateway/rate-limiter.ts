/** What is left to one sender. Kept by the sender, so that a connection costs two numbers and no object. */
export interface Bucket {
  tokens: number;
  /** Whole milliseconds of the limiter: small integers, which V8 keeps without an object. */
  filledAt: number;
}

/** Token buckets for many senders: `rate` messages a second each, `burst` at once. No timer. */
export class RateLimiter {
  /** Tokens of a full bucket. */
  readonly burst: number;
  readonly #perMs: number;
  readonly #epoch: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.burst = burst;
    this.#perMs = perSecond / 1000;
    this.#epoch = now;
  }

  /** Whether one more message of a sender is within the limit; counts it if so. */
  take(bucket: Bucket, now: number): boolean {
    const at = Math.floor(now - this.#epoch);
    bucket.tokens = Math.min(this.burst, bucket.tokens + Math.max(0, at - bucket.filledAt) * this.#perMs);
    bucket.filledAt = at;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}
