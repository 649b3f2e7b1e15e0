import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { EXPIRY_BATCH, EXPIRY_STEP_MS, TopicExpiry } from '../../../lib/topic/topic-expiry.js';
import { HandClock } from '../../support/unit/hand-clock.js';

let clock: HandClock;
/** What was called back for, and when. */
let due: [item: string, at: number][];
let expiry: TopicExpiry<string>;

beforeEach(() => {
  clock = new HandClock();
  due = [];
  expiry = new TopicExpiry(clock, item => due.push([item, clock.now()]));
});

describe('TopicExpiry', () => {
  it('calls back once, not before the time and no more than two steps after it', () => {
    const times = fc.array(fc.tuple(fc.nat(20_000), fc.nat(30_000)), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(times, waits => {
        clock = new HandClock();
        due = [];
        expiry = new TopicExpiry(clock, item => due.push([item, clock.now()]));
        const at = new Map<string, number>();
        for (const [i, [pause, wait]] of waits.entries()) {
          clock.advance(pause);
          at.set(`${i}`, clock.now() + wait);
          expiry.add(`${i}`, clock.now() + wait);
        }
        clock.advance(60_000);
        expect(due.map(([item]) => item).sort()).toEqual([...at.keys()].sort());
        for (const [item, when] of due) {
          expect(when).toBeGreaterThanOrEqual(at.get(item)!);
          expect(when).toBeLessThanOrEqual(at.get(item)! + 2 * EXPIRY_STEP_MS);
        }
        expect([expiry.size, clock.timers]).toEqual([0, 0]);
      }),
    );
  });

  it('has one timer for all, which keeps no process alive, and none when nothing waits', () => {
    expect(clock.timers).toBe(0);
    for (let i = 0; i < 1000; i++) expiry.add(`${i}`, i * 10);
    expect([expiry.size, clock.timers, clock.unreffed.size]).toEqual([1000, 1, 1]);
    clock.advance(12_000);
    expect([expiry.size, clock.timers, due.length]).toEqual([0, 0, 1000]);
    expect(clock.unreffed.size).toBe(10);
  });

  it('takes what is added in a call-back, also for a time that is over', () => {
    expiry = new TopicExpiry(clock, item => {
      due.push([item, clock.now()]);
      if (item === 'first')
        for (const [name, at] of [
          ['past', 0],
          ['later', 5000],
        ] as const)
          expiry.add(name, at);
    });
    expiry.add('first', 100);
    clock.advance(10_000);
    expect(due.map(([item]) => item)).toEqual(['first', 'past', 'later']);
    expect(due[1]![1]).toBeLessThanOrEqual(due[0]![1] + 2 * EXPIRY_STEP_MS);
    expect(due[2]![1]).toBeGreaterThanOrEqual(5000);
  });

  it('catches up with a stall at the next look', () => {
    for (const at of [1000, 5000, 100_000]) expiry.add(`${at}`, at);
    clock.stall(60_000);
    expect(due.map(([item]) => item)).toEqual(['1000', '5000']);
    expect(expiry.size).toBe(1);
  });

  describe('with more due than a batch', () => {
    const MANY = 3 * EXPIRY_BATCH;

    beforeEach(() => {
      for (let i = 0; i < MANY; i++) expiry.add(`${i}`, i < EXPIRY_BATCH ? 500 : 2500);
    });

    it('lets the loop turn after each batch, and calls back for each once', () => {
      clock.stall(10_000);
      for (let batch = 1; batch <= 3; batch++) {
        expect([due.length, expiry.size]).toEqual([batch * EXPIRY_BATCH, MANY - batch * EXPIRY_BATCH]);
        expect(clock.nextIn).toBe(batch < 3 ? 1 : undefined);
        clock.advance(1);
      }
      expect(new Set(due.map(([item]) => item)).size).toBe(MANY);
      expect(due).toHaveLength(MANY);
    });

    it('takes what is added between two batches, at its own time', () => {
      clock.stall(10_000);
      expiry.add('between', clock.now() + 3000);
      expect(clock.timers).toBe(1);
      clock.advance(10);
      expect([due.length, expiry.size, clock.nextIn! > 900]).toEqual([MANY, 1, true]);
      clock.advance(6000);
      expect(due.at(-1)![0]).toBe('between');
    });

    it('goes on soon though something was added in a call-back', () => {
      expiry.stop();
      expiry = new TopicExpiry(clock, item => {
        due.push([item, clock.now()]);
        if (item === '0') expiry.add('added', clock.now() + 5000);
      });
      for (let i = 0; i < MANY; i++) expiry.add(`${i}`, i < 1 ? 500 : 2500);
      clock.stall(10_000);
      expect([clock.timers, clock.nextIn]).toEqual([1, 1]);
      clock.advance(2);
      expect([due.length, clock.nextIn]).toEqual([MANY, EXPIRY_STEP_MS]);
    });

    it('goes on with the others when a call-back fails', () => {
      expiry.stop();
      expiry = new TopicExpiry(clock, item => {
        due.push([item, clock.now()]);
        if (item === '1') throw new Error('no');
      });
      for (let i = 0; i < 3; i++) expiry.add(`${i}`, 500);
      expect(() => clock.stall(5000)).toThrow('no');
      clock.advance(1);
      expect(due.map(([item]) => item)).toEqual(['0', '1', '2']);
      expect(clock.timers).toBe(0);
    });

    it('ends with #stop between two batches', () => {
      clock.stall(10_000);
      expiry.stop();
      expect([expiry.size, clock.timers]).toEqual([0, 0]);
      clock.advance(10_000);
      expect(due).toHaveLength(EXPIRY_BATCH);
    });
  });

  it('goes on after a pause without anything to wait for', () => {
    expiry.add('a', 0);
    clock.advance(50_000);
    expiry.add('b', clock.now() + 1);
    clock.advance(2 * EXPIRY_STEP_MS);
    expect(due.map(([item]) => item)).toEqual(['a', 'b']);
  });

  describe('#stop', () => {
    it('forgets everything, and leaves no timer', () => {
      expiry.add('a', 0);
      expiry.stop();
      expiry.stop();
      expect([expiry.size, clock.timers]).toEqual([0, 0]);
      clock.advance(10_000);
      expect(due).toEqual([]);
    });
  });
});
