import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OldestFirst } from '../../../lib/topic/oldest-first.js';

describe('OldestFirst', () => {
  it('is a map whose entries are in the order in which they were set last', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const map = new OldestFirst<string, number>();
        const model = new Map<string, number>();
        for (const [i, { key, remove }] of steps.entries()) {
          const wasThere = model.delete(key);
          if (remove) expect(map.delete(key)).toBe(wasThere);
          else {
            map.set(key, i);
            model.set(key, i);
          }
          const values = [...model.values()];
          expect([...map.values()]).toEqual(values);
          expect([...map.newestFirst()]).toEqual(values.toReversed());
          expect([map.size, map.oldest, map.get(key)]).toEqual([model.size, values[0], model.get(key)]);
        }
      }),
    );
  });

  it.each(['values', 'newestFirst'] as const)('goes on in #%s when the value at hand is deleted', order => {
    const map = new OldestFirst<number, number>();
    for (const key of [1, 2, 3, 4]) map.set(key, key);
    const seen: number[] = [];
    for (const value of map[order]()) {
      seen.push(value);
      if (value % 2 === 0) map.delete(value);
    }
    expect(seen.sort()).toEqual([1, 2, 3, 4]);
    expect([...map.values()]).toEqual([1, 3]);
  });
});
