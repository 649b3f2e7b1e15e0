import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../../lib/gateway/rate-limiter.js';

const taken = (limiter: RateLimiter, now: number, tries: number): number =>
  Array.from({ length: tries }, () => limiter.take(now)).filter(Boolean).length;

describe('RateLimiter', () => {
  it('lets the burst pass at once, and the rate after it', () => {
    const limiter = new RateLimiter(100, 200, 0);
    expect(taken(limiter, 0, 500)).toBe(200);
    expect(taken(limiter, 9, 10)).toBe(0);
    expect(taken(limiter, 10, 10)).toBe(1);
    expect(taken(limiter, 1010, 500)).toBe(100);
  });

  it('saves up no more than the burst', () => {
    const limiter = new RateLimiter(100, 200, 0);
    expect(taken(limiter, 3_600_000, 500)).toBe(200);
  });

  it('costs nobody a token when it refuses', () => {
    const limiter = new RateLimiter(10, 1, 0);
    expect(taken(limiter, 0, 100)).toBe(1);
    expect(taken(limiter, 100, 100)).toBe(1);
  });

  it('gives nothing for a clock that is put back, and goes on from there', () => {
    const limiter = new RateLimiter(10, 2, 10_000);
    expect(taken(limiter, 10_000, 5)).toBe(2);
    expect(taken(limiter, 0, 5)).toBe(0);
    expect(taken(limiter, 100, 5)).toBe(1);
  });

  it('never lets more pass than the burst and the rate allow, however messages come', () => {
    const gaps = fc.array(fc.nat(500), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 50 }),
        gaps,
        (rate, burst, all) => {
          const limiter = new RateLimiter(rate, burst, 0);
          let now = 0;
          let passed = 0;
          for (const gap of all) {
            now += gap;
            passed += taken(limiter, now, 3);
            expect(passed).toBeLessThanOrEqual(burst + (now * rate) / 1000 + 1e-6);
          }
        },
      ),
    );
  });
});
