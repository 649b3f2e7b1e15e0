import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../../lib/limits/rate-limiter.js';

/** One sender and its limiter. */
class Sender {
  readonly #limiter: RateLimiter;
  #now = 0;
  level = 0;

  constructor(perSecond: number, burst: number) {
    this.#limiter = new RateLimiter(perSecond, burst);
  }

  /** How many of `tries` pass at a time. */
  taken(now: number, tries: number, amount = 1): number {
    let passed = 0;
    for (let i = 0; i < tries; i++) {
      this.level = this.#limiter.leaked(this.level, now - this.#now);
      this.#now = now;
      const level = this.#limiter.with(this.level, amount);
      if (level === undefined) continue;
      this.level = level;
      passed++;
    }
    return passed;
  }
}

describe('RateLimiter', () => {
  it('lets the burst pass at once, and the rate after it', () => {
    const sender = new Sender(100, 200);
    expect(sender.taken(0, 500)).toBe(200);
    expect(sender.taken(9, 10)).toBe(0);
    expect(sender.taken(10, 10)).toBe(1);
    expect(sender.taken(1010, 500)).toBe(100);
  });

  it('saves up no more than the burst', () => {
    const sender = new Sender(100, 200);
    sender.taken(0, 1);
    expect(sender.taken(3_600_000, 500)).toBe(200);
  });

  it('has nothing left of a sender that was quiet: its level is that of one who never sent', () => {
    const sender = new Sender(10, 5);
    sender.taken(0, 5);
    sender.taken(60_000, 0);
    expect(sender.taken(60_000, 5)).toBe(5);
  });

  it('costs nobody anything when it refuses', () => {
    const sender = new Sender(10, 1);
    expect(sender.taken(0, 100)).toBe(1);
    expect(sender.taken(100, 100)).toBe(1);
  });

  it('counts amounts, and leaves those that fit in behind one that does not', () => {
    const sender = new Sender(1000, 1000);
    expect(sender.taken(0, 1, 900)).toBe(1);
    expect(sender.taken(0, 1, 200)).toBe(0);
    expect(sender.taken(0, 1, 100)).toBe(1);
  });

  it('takes what is larger than the burst when it is empty, and then nothing until that has leaked', () => {
    const sender = new Sender(1000, 1000);
    expect(sender.taken(0, 1, 5000)).toBe(1);
    expect(sender.taken(3999, 1)).toBe(0);
    expect(sender.taken(4001, 1)).toBe(1);
  });

  it.each([
    ['3 a second', 3, 3],
    ['7 a second', 7, 14],
    ['one in two seconds', 0.5, 1],
    ['1,500 a second', 1500, 3000],
    ['a mebibyte a second', 1_048_576, 2_097_152],
    ['a gigabyte a second', 1e9, 2e9],
  ])('keeps %s to the hundredth, also when it is asked each millisecond', (_, perSecond, burst) => {
    const sender = new Sender(perSecond, burst);
    const one = Math.max(1, Math.floor(burst / 1000));
    sender.taken(0, 2000, one);
    let passed = 0;
    for (let now = 1; now <= 20_000; now++) passed += sender.taken(now, 4, one) * one;
    expect(passed / 20).toBeLessThanOrEqual(perSecond * 1.01 + one);
    expect(passed / 20).toBeGreaterThanOrEqual(perSecond * 0.99 - one);
  });

  it.each([
    [100, 200],
    [1_048_576, 2_097_152],
  ])('has levels that are small integers, for a rate of %i', (perSecond, burst) => {
    const sender = new Sender(perSecond, burst);
    for (let now = 0; now < 1000; now += 7) {
      sender.taken(now, 3, burst / 8);
      expect(Number.isInteger(sender.level)).toBe(true);
      expect(sender.level).toBeLessThan(2 ** 31);
    }
  });

  it('never lets more pass than the burst and the rate allow, however messages come', () => {
    const gaps = fc.array(fc.nat(500), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 50 }),
        gaps,
        (rate, burst, all) => {
          const sender = new Sender(rate, burst);
          let now = 0;
          let passed = 0;
          for (const gap of all) {
            now += gap;
            passed += sender.taken(now, 3);
            expect(passed).toBeLessThanOrEqual(burst + (now * rate) / 1000);
          }
        },
      ),
    );
  });
});
