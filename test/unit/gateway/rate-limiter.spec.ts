import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bucket, RateLimiter } from '../../../lib/gateway/rate-limiter.js';

/** One sender and its limiter. */
class Sender {
  readonly limiter: RateLimiter;
  readonly bucket: Bucket;

  constructor(perSecond: number, burst: number, now: number) {
    this.limiter = new RateLimiter(perSecond, burst, now);
    this.bucket = { tokens: burst, filledAt: 0 };
  }
}

const taken = ({ limiter, bucket }: Sender, now: number, tries: number): number =>
  Array.from({ length: tries }, () => limiter.take(bucket, now)).filter(Boolean).length;

describe('RateLimiter', () => {
  it('lets the burst pass at once, and the rate after it', () => {
    const sender = new Sender(100, 200, 0);
    expect(taken(sender, 0, 500)).toBe(200);
    expect(taken(sender, 9, 10)).toBe(0);
    expect(taken(sender, 10, 10)).toBe(1);
    expect(taken(sender, 1010, 500)).toBe(100);
  });

  it('saves up no more than the burst', () => {
    const sender = new Sender(100, 200, 0);
    expect(taken(sender, 3_600_000, 500)).toBe(200);
  });

  it('counts each sender by itself', () => {
    const { limiter, bucket } = new Sender(10, 1, 0);
    const other = { tokens: limiter.burst, filledAt: 0 };
    expect(limiter.take(bucket, 0)).toBe(true);
    expect(limiter.take(other, 0)).toBe(true);
    expect(limiter.take(bucket, 0)).toBe(false);
  });

  it('costs nobody a token when it refuses', () => {
    const sender = new Sender(10, 1, 0);
    expect(taken(sender, 0, 100)).toBe(1);
    expect(taken(sender, 100, 100)).toBe(1);
  });

  it('gives nothing for a clock that is put back, and goes on from there', () => {
    const sender = new Sender(10, 2, 10_000);
    expect(taken(sender, 10_000, 5)).toBe(2);
    expect(taken(sender, 0, 5)).toBe(0);
    expect(taken(sender, 100, 5)).toBe(1);
  });

  it('never lets more pass than the burst and the rate allow, however messages come', () => {
    const gaps = fc.array(fc.nat(500), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 50 }),
        gaps,
        (rate, burst, all) => {
          const sender = new Sender(rate, burst, 0);
          let now = 0;
          let passed = 0;
          for (const gap of all) {
            now += gap;
            passed += taken(sender, now, 3);
            expect(passed).toBeLessThanOrEqual(burst + (now * rate) / 1000 + 1e-6);
          }
        },
      ),
    );
  });
});
