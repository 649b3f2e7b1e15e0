import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopicLog } from '../../../lib/topic/topic-log.js';

function logOf(count: number): TopicLog {
  const log = new TopicLog('e');
  for (let i = 1; i <= count; i++) log.append(`"${i}"`, 2 + String(i).length);
  return log;
}

const offsets = (log: TopicLog, since: number, to: number): number[] =>
  log.range(since, to).map(({ offset }) => offset);

describe('TopicLog', () => {
  it('is empty before the first publication', () => {
    const log = new TopicLog('e');
    expect(log).toMatchObject({ epoch: 'e', head: 0, first: 1, bytes: 0 });
    expect(log.range(0, 10)).toEqual([]);
  });

  describe('#append', () => {
    it('counts from 1, and keeps what it was given', () => {
      const log = new TopicLog('e');
      log.append('"é"', 4, 'id');
      expect(log).toMatchObject({ head: 1, first: 1, bytes: 4 });
      expect(log.range(0, 1)).toEqual([{ offset: 1, json: '"é"', bytes: 4, except: 'id' }]);
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
      expect(offsets(logOf(5), since, to)).toEqual(expected);
    });

    it('leaves out what was dropped', () => {
      const log = logOf(5);
      log.dropBefore(4);
      expect(offsets(log, 0, 5)).toEqual([4, 5]);
      expect(offsets(log, 0, 3)).toEqual([]);
      expect(offsets(log, 4, 5)).toEqual([5]);
    });
  });

  describe('#dropBefore', () => {
    it('keeps offsets counting after everything was dropped', () => {
      const log = logOf(3);
      log.dropBefore(99);
      expect(log).toMatchObject({ head: 3, first: 4, bytes: 0 });
      log.append('1', 1);
      expect(offsets(log, 0, 9)).toEqual([4]);
    });

    it('does nothing for what is gone already', () => {
      const log = logOf(3);
      log.dropBefore(3);
      log.dropBefore(1);
      log.dropBefore(-5);
      expect(log).toMatchObject({ head: 3, first: 3 });
    });

    it('is a sliding window over a plain list, however it is used', () => {
      const step = fc.oneof(
        fc.record({ append: fc.integer({ min: 1, max: 100 }) }),
        fc.record({ keep: fc.nat(120) }),
        fc.record({ since: fc.nat(600), to: fc.nat(600) }),
      );
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), steps => {
          const log = new TopicLog('e');
          let kept: number[] = [];
          let head = 0;
          for (const what of steps) {
            if ('append' in what) {
              for (let i = 0; i < what.append; i++) {
                log.append('x', 1);
                kept.push(++head);
              }
            } else if ('keep' in what) {
              log.dropBefore(head - what.keep + 1);
              kept = kept.filter(offset => offset > head - what.keep);
            } else {
              expect(offsets(log, what.since, what.to)).toEqual(
                kept.filter(offset => offset > what.since && offset <= what.to),
              );
            }
            expect(log).toMatchObject({ head, first: kept[0] ?? head + 1, bytes: kept.length });
          }
        }),
      );
    });
  });
});
