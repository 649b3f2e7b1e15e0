import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LogEntry, newestPerKey } from '../../../lib/wire/log-entry.js';
import { entryOf } from '../../support/unit/entries.js';

const keyed = (keys: readonly (string | undefined)[]): LogEntry[] =>
  keys.map((key, i) => ({ ...entryOf(i, i + 1), key }));

describe('newestPerKey', () => {
  it('keeps an entry if none that follows has its key', () => {
    const key = fc.constantFrom('', 'a', 'b', '__proto__', undefined);
    fc.assert(
      fc.property(fc.array(key), keys => {
        const entries = keyed(keys);
        const wanted = entries.filter(
          (entry, i) =>
            entry.key === undefined || entries.every(({ key: other }, j) => j <= i || other !== entry.key),
        );
        expect(newestPerKey(entries)).toEqual(wanted);
      }),
    );
  });

  it.each([[[]], [['a']], [['a', undefined, 'b', undefined]]])(
    'gives back the array itself when %j says that every entry stays',
    keys => {
      const entries = keyed(keys);
      expect(newestPerKey(entries)).toBe(entries);
    },
  );

  it('does not change what it was given', () => {
    const entries = keyed(['a', 'b', 'a']);
    const before = [...entries];
    expect(newestPerKey(entries).map(({ offset }) => offset)).toEqual([2, 3]);
    expect(entries).toEqual(before);
  });
});
