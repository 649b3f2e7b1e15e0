import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Expiries } from '../../../../lib/gateway/handshake/expiries.js';
import { HandClock } from '../../../support/unit/hand-clock.js';

/** A moment that is no multiple of anything. */
const START = 1_795_000_000_123;
const RENEW_BEFORE = 30_000;
/** A connection is closed at most this many milliseconds after its time. */
const LATEST = 500;

interface Holder {
  readonly name: string;
  announced: { at: number; expiresAt: number }[];
  expired: number[];
}

let clock: HandClock;

function create(renewBefore = RENEW_BEFORE): Expiries<Holder> {
  return new Expiries<Holder>({
    renewBefore,
    clock,
    announce: (holder, expiresAt) => holder.announced.push({ at: clock.time, expiresAt }),
    expire: holder => holder.expired.push(clock.time),
  });
}

const holder = (name = 'a'): Holder => ({ name, announced: [], expired: [] });

/** Lets time pass, with turns of the loop in between. */
function pass(ms: number): void {
  for (const end = clock.time + ms; clock.time < end;) {
    clock.advance(Math.min(250, end - clock.time));
    while (clock.immediates > 0) clock.turn();
  }
}

beforeEach(() => {
  clock = new HandClock();
  clock.time = START;
});

describe('Expiries', () => {
  it('ends a connection at its time, never before it and at most half a second after it', () => {
    fc.assert(
      fc.property(fc.nat(3_600_000), fc.nat(1000), (ms, phase) => {
        const expiries = create();
        // The timer has its own phase: that of whoever came first.
        clock.time = START + phase;
        const first = holder('first');
        expiries.set(first, START + 10_000_000);
        const one = holder();
        const end = START + phase + ms;
        expiries.set(one, end);
        pass(ms + LATEST);
        expect(one.expired).toHaveLength(1);
        expect(one.expired[0]! - end).toBeGreaterThanOrEqual(0);
        expect(one.expired[0]! - end).toBeLessThanOrEqual(LATEST);
        expect(expiries.size).toBe(1);
        expiries.stop();
      }),
      { numRuns: 50 },
    );
  });

  it('asks for a renewal renewBefore ms before, once', () => {
    const expiries = create();
    const one = holder();
    expiries.set(one, START + 60_000);
    expiries.begin(one);
    pass(29_999);
    expect(one.announced).toEqual([]);
    pass(LATEST + 1);
    expect(one.announced).toEqual([{ at: expect.any(Number), expiresAt: START + 60_000 }]);
    expect(one.announced[0]!.at).toBeGreaterThanOrEqual(START + 30_000);
    pass(30_000);
    expect(one.announced).toHaveLength(1);
    expect(one.expired).toHaveLength(1);
  });

  it('asks at once when there is less time than that, but not before the connection has begun', () => {
    const expiries = create();
    const one = holder();
    expiries.set(one, START + 20_000);
    pass(1000);
    expect(one.announced).toEqual([]);
    expiries.begin(one);
    expect(one.announced).toEqual([{ at: START + 1000, expiresAt: START + 20_000 }]);
  });

  it('does not ask with renewBefore 0', () => {
    const expiries = create(0);
    const one = holder();
    expiries.set(one, START + 1000);
    expiries.begin(one);
    expiries.renew(one, START + 2000);
    pass(3000);
    expect(one.announced).toEqual([]);
    expect(one.expired).toHaveLength(1);
  });

  it('begins nothing for a connection without an end', () => {
    const expiries = create();
    const one = holder();
    expiries.begin(one);
    expect([one.announced.length, expiries.size, clock.timers]).toEqual([0, 0, 0]);
  });

  it('ends at the new time after a renewal, and no more after one without an end', () => {
    const expiries = create();
    const [one, other] = [holder(), holder('b')];
    for (const each of [one, other]) expiries.set(each, START + 60_000);
    pass(40_000);
    expiries.renew(one, START + 120_000);
    expiries.renew(other, undefined);
    pass(60_000);
    expect(one.expired).toEqual([]);
    expect(one.announced).toHaveLength(1);
    pass(20_000 + LATEST);
    expect([one.expired.length, other.expired.length]).toEqual([1, 0]);
    expect(other.announced).toEqual([]);
  });

  it('asks in the middle of what a renewal has given when that is short, and not at once', () => {
    const expiries = create();
    const one = holder();
    expiries.renew(one, START + 10_000);
    pass(4999);
    expect(one.announced).toEqual([]);
    pass(1 + LATEST);
    expect(one.announced).toHaveLength(1);
  });

  it('forgets who has gone', () => {
    const expiries = create();
    const [one, other] = [holder(), holder('b')];
    for (const each of [one, other]) expiries.set(each, START + 1000);
    expiries.delete(one);
    expiries.delete(one);
    expect(expiries.size).toBe(1);
    pass(2000);
    expect([one.expired.length, other.expired.length]).toEqual([0, 1]);
  });

  it('has one timer for everybody, given up to the process, and none when nobody is left', () => {
    const expiries = create();
    const holders = Array.from({ length: 100 }, (_, i) => holder(String(i)));
    holders.forEach((each, i) => expiries.set(each, START + i * 1000));
    expect([clock.timers, clock.unreffed.size]).toEqual([1, 1]);
    for (const each of holders) expiries.delete(each);
    expect([clock.timers, clock.immediates, expiries.size]).toEqual([0, 0, 0]);
    expiries.set(holders[0]!, START + 1000);
    expect(clock.timers).toBe(1);
  });

  it('lets the loop turn between slices when very many end at once, and leaves out who goes meanwhile', () => {
    const expiries = create();
    const holders = Array.from({ length: 1000 }, (_, i) => holder(String(i)));
    for (const each of holders) expiries.set(each, START + 1000);
    const expired = (): number => holders.filter(each => each.expired.length > 0).length;
    clock.advance(1500);
    expect(expired()).toBe(200);
    expiries.delete(holders[999]!);
    expiries.renew(holders[998]!, START + 100_000);
    while (clock.immediates > 0) clock.turn();
    expect(expired()).toBe(998);
    expect(expiries.size).toBe(1);
  });

  it('ends nothing after it was stopped', () => {
    const expiries = create();
    const holders = Array.from({ length: 300 }, (_, i) => holder(String(i)));
    for (const each of holders) expiries.set(each, START + 1000);
    clock.advance(1500);
    expiries.stop();
    expect([clock.timers, clock.immediates]).toEqual([0, 0]);
    clock.turn();
    expect(holders.filter(each => each.expired.length > 0)).toHaveLength(200);
  });

  it.each([8.64e15, Number.MAX_VALUE, START + 2 ** 31, START + 2 ** 32 + 1])('waits for %d', expiresAt => {
    const expiries = create();
    const one = holder();
    expiries.set(one, expiresAt);
    expiries.begin(one);
    pass(1000);
    expect([one.announced.length, one.expired.length, expiries.size]).toEqual([0, 0, 1]);
  });

  it('goes by the clock when that is set', () => {
    const expiries = create();
    const [one, other] = [holder(), holder('b')];
    expiries.set(one, START + 3_600_000);
    expiries.begin(one);
    clock.time -= 7_200_000;
    // The timers of the test hang on the same clock; those of Node do not.
    clock.advance(7_200_000 + 500);
    expiries.set(other, clock.time + 1000);
    pass(2000);
    expect(other.expired).toHaveLength(1);
    clock.stall(3_600_000);
    expect(one.expired).toHaveLength(1);
    // Nothing is asked of who is late already.
    expect(one.announced).toEqual([]);
  });
});
