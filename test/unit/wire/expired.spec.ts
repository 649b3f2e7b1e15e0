import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gapEntry, type LogEntry, withoutExpired } from '../../../lib/wire/log-entry.js';
import { entryOf } from '../../support/unit/entries.js';

/** Entries from offset 11 on that expire at these times. */
const entriesThatExpire = (...times: number[]): LogEntry[] =>
  times.map((expires, i) => ({
    ...entryOf(i, 11 + i, 'id'),
    expires,
    at: 100 + i,
    until: 1000 + i,
    key: 'k',
  }));

const gap = (from: number, to: number): LogEntry => gapEntry({ from, to, reason: 'expired' });

describe('withoutExpired', () => {
  it.each([[[]], [[0, 0]], [[51, 0, 99]]])(
    'gives back the array itself when nothing in %j has expired',
    times => {
      const entries = entriesThatExpire(...times);
      expect(withoutExpired(entries, 50)).toBe(entries);
    },
  );

  it('puts one gap in the place of each run, also at both ends', () => {
    const entries = entriesThatExpire(1, 50, 0, 50, 51, 49);
    const [, , third, , fifth] = entries;
    expect(withoutExpired(entries, 50)).toEqual([gap(11, 12), third, gap(14, 14), fifth, gap(16, 16)]);
  });

  it('is one gap when everything has expired', () => {
    expect(withoutExpired(entriesThatExpire(1, 1, 1), 1)).toEqual([gap(11, 13)]);
  });

  it('spans what was conflated away within a run', () => {
    const [first, , third] = entriesThatExpire(1, 1, 1);
    expect(withoutExpired([first!, third!], 1)).toEqual([gap(11, 13)]);
  });

  it('leaves the gaps that are there already, as long as time goes on', () => {
    const times = fc.array(fc.nat(4), { maxLength: 12 });
    fc.assert(
      fc.property(times, fc.nat(4), fc.nat(4), (expiries, one, other) => {
        const [now, later] = [Math.min(one, other), Math.max(one, other)];
        const twice = withoutExpired(withoutExpired(entriesThatExpire(...expiries), now), later);
        const seen = twice.flatMap(({ offset, gap: told }) =>
          told === undefined
            ? [offset]
            : Array.from({ length: told.to - told.from + 1 }, (_, i) => told.from + i),
        );
        expect(seen).toEqual(expiries.map((_, i) => 11 + i));
        const left = twice.filter(({ gap: told }) => told === undefined).map(({ offset }) => offset);
        const fresh = expiries.flatMap((at, i) => (at === 0 || at > later ? [11 + i] : []));
        expect(left).toEqual(fresh);
      }),
    );
  });
});
