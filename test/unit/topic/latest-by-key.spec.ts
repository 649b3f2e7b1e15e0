import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatestByKey } from '../../../lib/topic/latest-by-key.js';
import type { LogEntry } from '../../../lib/wire/log-entry.js';
import { entryOf } from '../../support/unit/entries.js';

const entry = (offset: number, key: string, bytes = 1): LogEntry => ({
  ...entryOf(offset, offset),
  key,
  bytes,
});

/** What is kept of publications of these keys, each with the next offset. */
function latestOf(keys: string, limit = Infinity): LatestByKey {
  const latest = new LatestByKey(limit);
  [...keys].forEach((key, i) => latest.set(entry(i + 1, key)));
  return latest;
}

const offsets = (latest: LatestByKey, since = 0, to = Infinity): number[] =>
  latest.range(since, to).map(({ offset }) => offset);

describe('LatestByKey', () => {
  it('keeps the newest of each key, oldest first', () => {
    const latest = latestOf('abcab');
    expect(offsets(latest)).toEqual([3, 4, 5]);
    expect(latest).toMatchObject({ size: 3, bytes: 3, reach: 0 });
  });

  it('is empty at first, and misses nothing', () => {
    expect(latestOf('')).toMatchObject({ size: 0, bytes: 0, reach: 0 });
    expect(offsets(latestOf(''))).toEqual([]);
  });

  describe('#range', () => {
    it.each([
      [0, 9, [3, 4, 5]],
      [3, 9, [4, 5]],
      [0, 4, [3, 4]],
      [5, 9, []],
      [0, 2, []],
    ])(
      'after %i up to %i leaves out what is not in it, and what was replaced by something later',
      (since, to, got) => {
        expect(offsets(latestOf('abcab'), since, to)).toEqual(got);
      },
    );
  });

  describe('the limit', () => {
    it('drops the oldest, and says from where on nothing is missing', () => {
      const latest = latestOf('abcd', 3);
      expect(offsets(latest)).toEqual([2, 3, 4]);
      expect(latest.reach).toBe(1);
    });

    it('counts a key once, whose newest value alone is kept', () => {
      const latest = new LatestByKey(10);
      for (let i = 1; i <= 100; i++) latest.set(entry(i, 'a', 10));
      expect(latest).toMatchObject({ size: 1, bytes: 10, reach: 0 });
    });

    it('always leaves the newest', () => {
      const latest = new LatestByKey(10);
      latest.set(entry(1, 'a', 5));
      latest.set(entry(2, 'b', 50));
      expect(offsets(latest)).toEqual([2]);
      expect(latest).toMatchObject({ reach: 1, bytes: 50 });
    });
  });

  describe('#settle', () => {
    it('forgets what everybody has, and keeps what came after', () => {
      const latest = latestOf('abca');
      latest.settle(3);
      expect(offsets(latest)).toEqual([4]);
      expect(latest).toMatchObject({ reach: 3, size: 1, bytes: 1 });
      latest.settle(9);
      expect(latest).toMatchObject({ reach: 4, size: 0, bytes: 0 });
    });
  });

  describe('of very many keys', () => {
    // Each of these takes many seconds where every drop passes over what was dropped before: the timeout tells.
    const KEYS = 120_000;

    it('forgets what everybody has', () => {
      const latest = new LatestByKey(Infinity);
      for (let i = 1; i <= KEYS; i++) latest.set(entry(i, `${i}`));
      latest.settle(KEYS);
      expect(latest).toMatchObject({ size: 0, bytes: 0, reach: KEYS });
    });

    it('drops the oldest at each publication above the limit', () => {
      const latest = new LatestByKey(KEYS);
      for (let i = 1; i <= 2 * KEYS; i++) latest.set(entry(i, `${i}`));
      expect(latest).toMatchObject({ size: KEYS, reach: KEYS });
    });
  });

  describe('#mortal', () => {
    const mortal = (offset: number, key: string): LogEntry => ({ ...entry(offset, key), expires: 1 });

    it('is true while a publication is kept that expires: until it is replaced, settled, or dropped for the limit', () => {
      const latest = new LatestByKey(3);
      expect(latest.mortal).toBe(false);
      const seen = [mortal(1, 'a'), entry(2, 'a'), mortal(3, 'b'), entry(4, 'c'), entry(5, 'd')].map(each => {
        latest.set(each);
        return latest.mortal;
      });
      expect(seen).toEqual([true, false, true, true, true]);
      expect(latest.reach).toBe(2);
      latest.set(entry(6, 'e'));
      expect([latest.reach, latest.mortal]).toEqual([3, false]);
      latest.set(mortal(8, 'g'));
      latest.settle(8);
      expect(latest.mortal).toBe(false);
    });
  });

  it('has for everybody who stands within its reach the newest of each key, whatever happens', () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          key: fc.constantFrom('a', 'b', 'c', 'd'),
          bytes: fc.integer({ min: 1, max: 9 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ settle: fc.nat(40) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 30 }), (steps, limit) => {
        const latest = new LatestByKey(limit);
        const all: LogEntry[] = [];
        for (const what of steps) {
          if ('settle' in what) latest.settle(Math.min(what.settle, all.length));
          else {
            all.push(entry(all.length + 1, what.key, what.bytes));
            latest.set(all.at(-1)!);
          }
          const newest = all.filter(({ key }, i) => all.findLastIndex(other => other.key === key) === i);
          for (let since = latest.reach; since <= all.length; since++) {
            expect(latest.range(since, Infinity)).toEqual(newest.filter(({ offset }) => offset > since));
          }
          const kept = latest.range(0, Infinity);
          expect(latest.size).toBe(kept.length);
          expect(latest.bytes).toBe(kept.reduce((sum, { bytes }) => sum + bytes, 0));
          expect(latest.bytes <= limit || latest.size === 1).toBe(true);
        }
      }),
    );
  });
});
