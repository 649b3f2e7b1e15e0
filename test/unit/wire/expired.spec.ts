import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutExpired } from '../../../lib/wire/expired.js';
import type { LogEntry } from '../../../lib/wire/log-entry.js';
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

const gap = (from: number, to: number): LogEntry => {
  const data = { topic: 't', from, to, position: `e:${to}`, reason: 'expired' };
  const json = JSON.stringify({ event: 'gap', data });
  return {
    offset: to,
    json,
    bytes: json.length,
    except: undefined,
    at: 0,
    expires: 0,
    key: undefined,
    until: 0,
    gapFrom: from,
  };
};

describe('withoutExpired', () => {
  it.each([[[]], [[0, 0]], [[51, 0, 99]]])(
    'gives back the array itself when nothing in %j has expired',
    times => {
      const entries = entriesThatExpire(...times);
      expect(withoutExpired(entries, 50, 't', 'e')).toBe(entries);
    },
  );

  it('puts one gap in the place of each run, also at both ends', () => {
    const entries = entriesThatExpire(1, 50, 0, 50, 51, 49);
    const [, , third, , fifth] = entries;
    expect(withoutExpired(entries, 50, 't', 'e')).toEqual([
      gap(11, 12),
      third,
      gap(14, 14),
      fifth,
      gap(16, 16),
    ]);
  });

  it('is one gap when everything has expired', () => {
    expect(withoutExpired(entriesThatExpire(1, 1, 1), 1, 't', 'e')).toEqual([gap(11, 13)]);
  });

  it('spans what was conflated away within a run', () => {
    const [first, , third] = entriesThatExpire(1, 1, 1);
    expect(withoutExpired([first!, third!], 1, 't', 'e')).toEqual([gap(11, 13)]);
  });

  it('leaves the gaps that are there already, as long as time goes on', () => {
    const times = fc.array(fc.nat(4), { maxLength: 12 });
    fc.assert(
      fc.property(times, fc.nat(4), fc.nat(4), (expiries, one, other) => {
        const [now, later] = [Math.min(one, other), Math.max(one, other)];
        const twice = withoutExpired(
          withoutExpired(entriesThatExpire(...expiries), now, 't', 'e'),
          later,
          't',
          'e',
        );
        const seen = twice.flatMap(({ offset, gapFrom }) =>
          gapFrom === 0 ? [offset] : Array.from({ length: offset - gapFrom + 1 }, (_, i) => gapFrom + i),
        );
        expect(seen).toEqual(expiries.map((_, i) => 11 + i));
        const left = twice.filter(({ gapFrom }) => gapFrom === 0).map(({ offset }) => offset);
        const fresh = expiries.flatMap((at, i) => (at === 0 || at > later ? [11 + i] : []));
        expect(left).toEqual(fresh);
      }),
    );
  });
});
