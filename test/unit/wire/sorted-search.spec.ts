import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstAbove } from '../../../lib/wire/frame-places.js';

describe('firstAbove', () => {
  it('is the number of those that are not above', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -9, max: 9 })),
        fc.integer({ min: -10, max: 10 }),
        (all, value) => {
          const numbers = all.toSorted((a, b) => a - b);
          expect(firstAbove(numbers, value)).toBe(numbers.filter(number => number <= value).length);
        },
      ),
    );
  });

  it.each([
    [Infinity, 3],
    [-Infinity, 0],
  ])('of %d is %i', (value, index) => {
    expect(firstAbove([1, 2, 3], value)).toBe(index);
  });
});
