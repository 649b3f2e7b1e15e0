import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopicLog } from '../../../lib/topic/topic-log.js';
import type { HistoryPolicy } from '../../../lib/topic/topic-policy.js';
import { TERMS } from '../../support/unit/topics.js';

/** A log with publications of so many bytes each, published at so many milliseconds. */
function logOf(bytes: readonly number[], times: readonly number[] = []): TopicLog {
  const log = new TopicLog('e');
  bytes.forEach((each, i) => log.append('1', each, { ...TERMS, at: times[i] ?? 0 }));
  return log;
}

const ones = (count: number): number[] => Array<number>(count).fill(1);

const offsets = (log: TopicLog, since: number, to: number): number[] =>
  log.range(since, to).map(({ offset }) => offset);

const policy = (limits: Partial<HistoryPolicy>): HistoryPolicy => ({
  size: Infinity,
  bytes: Infinity,
  ttl: Infinity,
  ...limits,
});

describe('TopicLog', () => {
  it('is empty before the first publication', () => {
    const log = new TopicLog('e');
    expect(log).toMatchObject({ epoch: 'e', head: 0, first: 1, remembered: 1, mortal: false });
    expect(log.range(0, 10)).toEqual([]);
    expect(log.bytesAfter(0)).toBe(0);
  });

  describe('#append', () => {
    it('counts from 1, and keeps what it was given', () => {
      const log = new TopicLog('e');
      log.append('1', 10, TERMS);
      const entry = log.append('"é"', 4, { at: 7, expires: 9, key: 'k', except: 'id' });
      expect(log).toMatchObject({ head: 2, first: 1 });
      expect(entry).toEqual({
        offset: 2,
        json: '"é"',
        bytes: 4,
        until: 14,
        at: 7,
        expires: 9,
        key: 'k',
        except: 'id',
        gap: undefined,
      });
      expect(log.range(1, 2)).toEqual([entry]);
      expect(log.at(2)).toBe(entry);
    });
  });

  describe('#range', () => {
    it.each([
      [0, 5, [1, 2, 3, 4, 5]],
      [2, 4, [3, 4]],
      [4, 4, []],
      [5, 5, []],
      [4, 2, []],
      [0, 99, [1, 2, 3, 4, 5]],
      [98, 99, []],
    ])('after %i up to %i is %j', (since, to, expected) => {
      expect(offsets(logOf(ones(5)), since, to)).toEqual(expected);
    });

    it('leaves out what was dropped', () => {
      const log = logOf(ones(5));
      log.dropBefore(4);
      expect(offsets(log, 0, 5)).toEqual([4, 5]);
      expect(offsets(log, 0, 3)).toEqual([]);
      expect(offsets(log, 4, 5)).toEqual([5]);
    });
  });

  describe('#bytesAfter', () => {
    it('counts what follows an offset and is kept', () => {
      const log = logOf([5, 6, 7]);
      expect([-1, 0, 1, 2, 3, 9].map(offset => log.bytesAfter(offset))).toEqual([18, 18, 13, 7, 0, 0]);
      log.dropBefore(2);
      expect([0, 1, 2, 3].map(offset => log.bytesAfter(offset))).toEqual([13, 13, 7, 0]);
      log.dropBefore(4);
      expect(log.bytesAfter(0)).toBe(0);
    });
  });

  describe('#firstWithin', () => {
    it.each([
      [0, 4],
      [6, 4],
      [7, 3],
      [12, 3],
      [13, 2],
      [17, 2],
      [18, 1],
      [99, 1],
    ])('for %i bytes is offset %i of 5, 6 and 7 bytes', (bytes, first) => {
      expect(logOf([5, 6, 7]).firstWithin(bytes)).toBe(first);
    });

    it('is never one that was dropped', () => {
      const log = logOf([5, 6, 7]);
      log.dropBefore(3);
      expect(log.firstWithin(99)).toBe(3);
    });
  });

  describe('#dropBefore', () => {
    it('keeps offsets counting after everything was dropped', () => {
      const log = logOf(ones(3));
      log.dropBefore(99);
      expect(log).toMatchObject({ head: 3, first: 4, remembered: 4 });
      log.append('1', 1, TERMS);
      expect(offsets(log, 0, 9)).toEqual([4]);
    });

    it('does nothing for what is gone already', () => {
      const log = logOf(ones(3));
      log.dropBefore(3);
      log.dropBefore(1);
      log.dropBefore(-5);
      expect(log).toMatchObject({ head: 3, first: 3 });
    });
  });

  describe('#forget', () => {
    it.each<[string, Partial<HistoryPolicy>, number]>([
      ['nothing', {}, 1],
      ['all but the newest so many', { size: 2 }, 4],
      ['everything with a size of 0', { size: 0 }, 6],
      ['what more bytes than so many are newer than or as new as', { bytes: 30 }, 3],
      ['everything when the newest alone has more bytes', { bytes: 9 }, 6],
      ['what was published so long ago or longer', { ttl: 20 }, 4],
      ['everything when the newest is that old', { ttl: 0 }, 6],
      ['what any of the limits does not cover', { size: 4, bytes: 40, ttl: 10 }, 5],
    ])('takes out of the history %s', (_, limits, remembered) => {
      const log = logOf([10, 10, 10, 10, 10], [0, 10, 20, 30, 40]);
      log.forget(policy(limits), 40);
      expect([log.remembered, log.first]).toEqual([remembered, 1]);
    });

    it('never brings back what was taken out', () => {
      const log = logOf(ones(5));
      log.forget(policy({ size: 2 }), 0);
      log.forget(policy({}), 0);
      expect(log.remembered).toBe(4);
    });

    it('remembers what comes after everything was forgotten', () => {
      const log = logOf(ones(5));
      log.forget(policy({ ttl: 0 }), 0);
      log.dropBefore(6);
      log.append('1', 1, { ...TERMS, at: 1 });
      log.forget(policy({ size: 3, ttl: 5 }), 2);
      expect(log.remembered).toBe(6);
    });
  });

  describe('#forgetOldest', () => {
    it('takes one after the other, whether they are dropped or not', () => {
      const log = logOf(ones(3));
      log.forgetOldest();
      expect(log).toMatchObject({ remembered: 2, first: 1 });
      log.dropBefore(3);
      log.forgetOldest();
      expect(log).toMatchObject({ remembered: 4, first: 3 });
    });
  });

  describe('#mortal', () => {
    it('is true while a publication that expires is kept', () => {
      const log = new TopicLog('e');
      for (const expires of [0, 5, 0, 5, 0]) log.append('1', 1, { ...TERMS, expires });
      expect(log.mortal).toBe(true);
      log.dropBefore(3);
      expect(log.mortal).toBe(true);
      log.dropBefore(5);
      expect(log.mortal).toBe(false);
      log.append('1', 1, { ...TERMS, expires: 1 });
      expect(log.mortal).toBe(true);
    });
  });

  it('is a sliding window over a plain list, however it is used', () => {
    const append = fc.record({
      append: fc.integer({ min: 1, max: 100 }),
      bytes: fc.nat(5),
      after: fc.nat(10),
      mortal: fc.boolean(),
    });
    const forget = fc.record({ size: fc.nat(120), bytes: fc.nat(400), ttl: fc.nat(40), after: fc.nat(20) });
    const step = fc.oneof(
      append,
      forget,
      fc.record({ keep: fc.nat(120) }),
      fc.record({ since: fc.nat(600), to: fc.nat(600) }),
      fc.record({ within: fc.nat(500) }),
      fc.constant({ oldest: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const log = new TopicLog('e');
        let kept: { offset: number; bytes: number; at: number; mortal: boolean }[] = [];
        let [head, now, remembered] = [0, 0, 1];
        const bytesFrom = (first: number): number =>
          kept.reduce((sum, { offset, bytes }) => sum + (offset >= first ? bytes : 0), 0);
        const lowest = (holds: (offset: number) => boolean): number =>
          kept.find(({ offset }) => holds(offset))?.offset ?? head + 1;
        for (const what of steps) {
          if ('append' in what) {
            now += what.after;
            for (let i = 0; i < what.append; i++) {
              log.append('x', what.bytes, { ...TERMS, at: now, expires: what.mortal ? 1 : 0 });
              kept.push({ offset: ++head, bytes: what.bytes, at: now, mortal: what.mortal });
            }
          } else if ('keep' in what) {
            log.dropBefore(head - what.keep + 1);
            kept = kept.filter(({ offset }) => offset > head - what.keep);
          } else if ('ttl' in what) {
            now += what.after;
            log.forget(what, now);
            remembered = Math.max(
              remembered,
              head - what.size + 1,
              lowest(offset => bytesFrom(offset) <= what.bytes),
              lowest(offset => kept.find(entry => entry.offset === offset)!.at + what.ttl > now),
            );
          } else if ('since' in what) {
            const inside = kept.filter(({ offset }) => offset > what.since && offset <= what.to);
            expect(offsets(log, what.since, what.to)).toEqual(inside.map(({ offset }) => offset));
            expect(log.bytesAfter(what.since)).toBe(bytesFrom(what.since + 1));
          } else if ('within' in what) {
            expect(log.firstWithin(what.within)).toBe(lowest(offset => bytesFrom(offset) <= what.within));
          } else if (log.remembered <= log.head) {
            log.forgetOldest();
            remembered = Math.max(remembered, kept[0]!.offset) + 1;
          }
          const first = kept[0]?.offset ?? head + 1;
          expect(log).toMatchObject({ head, first, mortal: kept.some(({ mortal }) => mortal) });
          expect(log.remembered).toBe(Math.max(remembered, first));
        }
      }),
    );
  });
});
