import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Subscriptions } from '../../../lib/connection/subscriptions.js';

/** What can be seen of it, or of the Map that it stands for. */
const seen = (of: Subscriptions<number> | Map<string, number>): unknown => ({
  size: of.size,
  keys: [...of.keys()],
  values: [...of.values()],
  found: ['a', 'b', 'c', 'd'].map(name => [of.has(name), of.get(name)]),
});

describe('Subscriptions', () => {
  it('behaves as a Map does, whatever is set and deleted', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      value: fc.option(fc.nat(), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step), steps => {
        const [ours, map] = [new Subscriptions<number>(), new Map<string, number>()];
        for (const { name, value } of steps) {
          if (value === undefined) expect(ours.delete(name)).toBe(map.delete(name));
          else {
            ours.set(name, value);
            map.set(name, value);
          }
          expect(seen(ours)).toEqual(seen(map));
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([1, 2, 5])('can be emptied while it is walked, with %i in it', count => {
    const ours = new Subscriptions<string>();
    const names = Array.from({ length: count }, (_, i) => `topic ${i}`);
    for (const name of names) ours.set(name, name);
    const walked: string[] = [];
    for (const name of ours.values()) {
      walked.push(name);
      ours.delete(name);
    }
    expect(walked).toEqual(names);
    expect(ours.size).toBe(0);
  });

  it('does not reach one that was deleted before its turn', () => {
    const ours = new Subscriptions<string>();
    for (const name of ['a', 'b', 'c']) ours.set(name, name);
    const walked: string[] = [];
    for (const name of ours.values()) {
      walked.push(name);
      ours.delete('b');
    }
    expect(walked).toEqual(['a', 'c']);
  });
});
