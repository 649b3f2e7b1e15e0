import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { TimeSlots } from '../../../lib/time/time-slots.js';
import { HandClock } from '../../support/unit/hand-clock.js';

const STEP_MS = 1000;
const BATCH = 200;

let clock: HandClock;
/** What was called back for, and when. */
let due: [item: string, at: number][];
let slots: TimeSlots<string>;

function slotsOf(onDue = (item: string): void => void due.push([item, clock.now()])): TimeSlots<string> {
  return new TimeSlots({ clock, now: clock.now, stepMs: STEP_MS, batch: BATCH }, onDue);
}

beforeEach(() => {
  clock = new HandClock();
  due = [];
  slots = slotsOf();
});

describe('TimeSlots', () => {
  it('calls back once, not before the time and no more than two steps after it', () => {
    const times = fc.array(fc.tuple(fc.nat(20_000), fc.nat(30_000)), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(times, waits => {
        clock = new HandClock();
        due = [];
        slots = slotsOf();
        const at = new Map<string, number>();
        for (const [i, [pause, wait]] of waits.entries()) {
          clock.advance(pause);
          at.set(`${i}`, clock.now() + wait);
          slots.add(`${i}`, clock.now() + wait);
        }
        clock.advance(60_000);
        expect(due.map(([item]) => item).sort()).toEqual([...at.keys()].sort());
        for (const [item, when] of due) {
          expect(when).toBeGreaterThanOrEqual(at.get(item)!);
          expect(when).toBeLessThanOrEqual(at.get(item)! + 2 * STEP_MS);
        }
        expect([slots.size, clock.timers]).toEqual([0, 0]);
      }),
    );
  });

  it('has one timer for all, which keeps no process alive, and none when nothing waits', () => {
    expect(clock.timers).toBe(0);
    for (let i = 0; i < 1000; i++) slots.add(`${i}`, i * 10);
    expect([slots.size, clock.timers, clock.unreffed.size]).toEqual([1000, 1, 1]);
    clock.advance(12_000);
    expect([slots.size, clock.timers, due.length]).toEqual([0, 0, 1000]);
  });

  it('takes what is added in a call-back, also for a time that is over', () => {
    slots = slotsOf(item => {
      due.push([item, clock.now()]);
      if (item === 'first')
        for (const [name, at] of [
          ['past', 0],
          ['later', 5000],
        ] as const)
          slots.add(name, at);
    });
    slots.add('first', 100);
    clock.advance(10_000);
    expect(due.map(([item]) => item)).toEqual(['first', 'past', 'later']);
    expect(due[1]![1]).toBeLessThanOrEqual(due[0]![1] + 2 * STEP_MS);
    expect(due[2]![1]).toBeGreaterThanOrEqual(5000);
  });

  it('catches up with a stall at the next look', () => {
    for (const at of [1000, 5000, 100_000]) slots.add(`${at}`, at);
    clock.stall(60_000);
    expect(due.map(([item]) => item)).toEqual(['1000', '5000']);
    expect(slots.size).toBe(1);
  });

  describe('with more due than a batch', () => {
    const MANY = 3 * BATCH;

    beforeEach(() => {
      for (let i = 0; i < MANY; i++) slots.add(`${i}`, i < BATCH ? 500 : 2500);
    });

    it('lets the loop turn after each batch, and calls back for each once', () => {
      clock.stall(10_000);
      for (let batch = 1; batch <= 3; batch++) {
        expect([due.length, slots.size]).toEqual([batch * BATCH, MANY - batch * BATCH]);
        expect(clock.immediates).toBe(batch < 3 ? 1 : 0);
        clock.turn();
      }
      expect(new Set(due.map(([item]) => item)).size).toBe(MANY);
      expect(due).toHaveLength(MANY);
    });

    it('takes what is added between two batches, at its own time', () => {
      clock.stall(10_000);
      slots.add('between', clock.now() + 3000);
      expect(clock.timers).toBe(1);
      for (let turn = 0; turn < 3; turn++) clock.turn();
      expect([due.length, slots.size]).toEqual([MANY, 1]);
      clock.advance(6000);
      expect(due.at(-1)![0]).toBe('between');
    });

    it('goes on soon though something was added in a call-back', () => {
      slots.stop();
      slots = slotsOf(item => {
        due.push([item, clock.now()]);
        if (item === '0') slots.add('added', clock.now() + 5000);
      });
      for (let i = 0; i < MANY; i++) slots.add(`${i}`, i < 1 ? 500 : 2500);
      clock.stall(10_000);
      expect([clock.timers, clock.immediates]).toEqual([1, 1]);
      for (let turn = 0; turn < 3; turn++) clock.turn();
      expect([due.length, clock.immediates, slots.size]).toEqual([MANY, 0, 1]);
    });

    it('goes on with the others when a call-back fails', () => {
      slots.stop();
      slots = slotsOf(item => {
        due.push([item, clock.now()]);
        if (item === '1') throw new Error('no');
      });
      for (let i = 0; i < 3; i++) slots.add(`${i}`, 500);
      expect(() => clock.stall(5000)).toThrow('no');
      clock.turn();
      expect(due.map(([item]) => item)).toEqual(['0', '1', '2']);
      expect(clock.timers).toBe(0);
    });

    it('leaves out items that are deleted between two batches', () => {
      slots.stop();
      for (let i = 0; i < MANY; i++) slots.add(`${i}`, 500);
      clock.stall(10_000);
      slots.delete(`${MANY - 1}`, 1);
      slots.delete(`${MANY - 1}`, 1);
      slots.delete('0', 1);
      expect(slots.size).toBe(MANY - BATCH - 1);
      while (clock.immediates > 0) clock.turn();
      expect(due).toHaveLength(MANY - 1);
      expect([slots.size, clock.timers]).toEqual([0, 0]);
    });

    it('ends with #stop between two batches', () => {
      clock.stall(10_000);
      slots.stop();
      expect([slots.size, clock.timers, clock.immediates]).toEqual([0, 0, 0]);
      clock.advance(10_000);
      expect(due).toHaveLength(BATCH);
    });
  });

  it('goes on after a pause without anything to wait for', () => {
    slots.add('a', 0);
    clock.advance(50_000);
    slots.add('b', clock.now() + 1);
    clock.advance(2 * STEP_MS);
    expect(due.map(([item]) => item)).toEqual(['a', 'b']);
  });

  it('calls back at the time of a clock that is set, forth or back', () => {
    let now = 1_000_000;
    slots = new TimeSlots({ clock, now: () => now, stepMs: STEP_MS, batch: BATCH }, item =>
      due.push([item, now]),
    );
    slots.add('far', now + 1e12);
    slots.add('near', now + 5000);
    now += 1e9;
    clock.advance(STEP_MS);
    expect(due.map(([item]) => item)).toEqual(['near']);
    now -= 2e9;
    slots.add('before', now + 5000);
    clock.advance(STEP_MS);
    expect(due).toHaveLength(1);
    now += 6000;
    clock.advance(STEP_MS);
    expect(due.map(([item]) => item)).toEqual(['near', 'before']);
    expect(slots.size).toBe(1);
  });

  describe('#delete', () => {
    it('forgets one item, and ends the timer with the last', () => {
      const [one, other] = [slots.add('one', 500), slots.add('other', 600)];
      slots.delete('one', one);
      slots.delete('one', one);
      expect([slots.size, clock.timers]).toEqual([1, 1]);
      slots.delete('other', other);
      expect([slots.size, clock.timers]).toEqual([0, 0]);
      clock.advance(10_000);
      expect(due).toEqual([]);
    });
  });

  describe('#stop', () => {
    it('forgets everything, and leaves no timer', () => {
      slots.add('a', 0);
      slots.stop();
      slots.stop();
      expect([slots.size, clock.timers]).toEqual([0, 0]);
      clock.advance(10_000);
      expect(due).toEqual([]);
    });
  });
});
