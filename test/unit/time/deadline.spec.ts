import { beforeEach, describe, expect, it } from 'vitest';
import { inTime } from '../../../lib/time/deadline.js';
import { Moment } from '../../../lib/time/moment.js';
import { HandClock } from '../../support/unit/hand-clock.js';

let clock: HandClock;

beforeEach(() => {
  clock = new HandClock();
});

describe('inTime', () => {
  it('resolves as the work does, and leaves no timer', async () => {
    expect(await inTime(clock, 100, Promise.resolve('done'), () => 'late')).toBe('done');
    expect(clock.timers).toBe(0);
  });

  it('takes the result of work that is done, even with no time left', async () => {
    expect(await inTime(clock, 0, Promise.resolve('done'), () => 'late')).toBe('done');
  });

  it('rejects as the work does, and leaves no timer', async () => {
    await expect(inTime(clock, 100, Promise.reject(new Error('no')), () => 'late')).rejects.toThrow('no');
    expect(clock.timers).toBe(0);
  });

  it('gives the late result at its time, and not before', async () => {
    let result: unknown = 'nothing yet';
    const waiting = inTime(clock, 100, new Promise(() => {}), () => 'late').then(late => (result = late));
    clock.advance(99);
    await Promise.resolve();
    expect(result).toBe('nothing yet');
    clock.advance(1);
    await waiting;
    expect([result, clock.timers]).toEqual(['late', 0]);
  });

  it('rejects when the late result throws', async () => {
    const waiting = inTime(clock, 100, new Promise(() => {}), () => {
      throw new Error('too late');
    });
    clock.advance(100);
    await expect(waiting).rejects.toThrow('too late');
  });
});

describe('Moment', () => {
  it('resolves the promises given so far, and not later ones', async () => {
    const moment = new Moment();
    const log: string[] = [];
    const noted = [1, 2].map(n => moment.next().then(() => log.push(`first ${n}`)));
    moment.come();
    void moment.next().then(() => log.push('later'));
    await Promise.all(noted);
    expect(log).toEqual(['first 1', 'first 2']);
  });
});
