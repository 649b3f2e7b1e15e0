import { describe, expect, it } from 'vitest';
import { rateClass } from '../../../lib/topic/rate-class.js';

describe('rateClass', () => {
  it.each([
    [1000, 100],
    [Infinity, 100],
    [100, 100],
    [99.9, 60],
    [7, 5],
    [4, 4],
    [1.9, 1],
    [0.6, 0.5],
    [0.2, 0.2],
    [1 / 60, 1 / 60],
  ])('for %d publications a second is %d', (asked, granted) => {
    expect(rateClass(asked)).toBe(granted);
  });

  it.each([1 / 61, 0, -1, NaN, '4', null, undefined, {}, [4], true, 4n])('knows none for %s', asked => {
    expect(rateClass(asked)).toBeUndefined();
  });

  it('grants no more than was asked, and few classes in all', () => {
    const granted = new Set<number>();
    for (let asked = 1 / 60; asked < 200; asked *= 1.01) {
      const rate = rateClass(asked)!;
      expect(rate).toBeLessThanOrEqual(asked);
      granted.add(rate);
    }
    expect(granted.size).toBe(15);
  });
});
