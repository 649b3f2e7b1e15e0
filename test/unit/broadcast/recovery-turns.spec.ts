import { beforeEach, describe, expect, it } from 'vitest';
import { RecoveryTurns } from '../../../lib/broadcast/recovery-turns.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { BatchSink } from '../../../lib/wire/batch.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { type HandSink, subscriber } from '../../support/unit/subscribers.js';
import { topicOf } from '../../support/unit/topics.js';

/** A turn is over at the fifth look, and there is one every quarter of a second. */
const LOOK = 250;
const TURN = 5 * LOOK;

type Returning = Subscription & { readonly sink: HandSink };

let clock: HandClock;
/** Whose wait was over, in order. */
let begun: BatchSink[];
let turns: RecoveryTurns;

beforeEach(() => {
  clock = new HandClock();
  begun = [];
  turns = new RecoveryTurns(2, clock, sink => begun.push(sink));
});

/** A client with a connection of its own, or one more topic of a connection. */
function returning(who = subscriber()): Returning {
  const subscription = new Subscription(topicOf(), who);
  subscription.topic.replay(subscription);
  return subscription as Returning;
}

/** So many come back, one after the other. */
function come(count: number): Returning[] {
  return Array.from({ length: count }, () => {
    const subscription = returning();
    turns.take(subscription);
    return subscription;
  });
}

const sinksOf = (subscriptions: readonly Subscription[]): BatchSink[] =>
  subscriptions.map(({ sink }) => sink);

describe('RecoveryTurns', () => {
  it('serves as many as it may, and lets the others wait', () => {
    const all = Array.from({ length: 5 }, () => returning());
    expect(all.map(subscription => turns.take(subscription))).toEqual([true, true, false, false, false]);
    expect([turns.held, turns.waiting, begun]).toEqual([2, 3, []]);
    expect(all.map(({ sink }) => turns.waitingOf(sink)?.size)).toEqual([undefined, undefined, 1, 1, 1]);
  });

  it('begins the turn of the next when one has caught up, in the order of coming', () => {
    const all = come(5);
    turns.give(all[1]!);
    expect(begun).toEqual(sinksOf([all[2]!]));
    turns.give(all[2]!);
    turns.give(all[0]!);
    expect(begun).toEqual(sinksOf(all.slice(2)));
    expect([turns.held, turns.waiting]).toEqual([2, 0]);
    expect(turns.waitingOf(all[4]!.sink)).toBeUndefined();
  });

  it('is of a connection: it takes all topics along, and ends with the last', () => {
    const who = subscriber();
    const [first, second] = [returning(who), returning(who)];
    const [other, waiting] = [returning(), returning()];
    expect([first, other, second, waiting].map(one => turns.take(one))).toEqual([true, true, true, false]);
    turns.give(first);
    expect(begun).toEqual([]);
    turns.give(second);
    expect(begun).toEqual([waiting.sink]);
  });

  it('is waited for with all topics in one place', () => {
    come(2);
    const who = subscriber();
    const [first, other, second] = [returning(who), returning(), returning(who)];
    for (const one of [first, other, second]) expect(turns.take(one)).toBe(false);
    expect(turns.waiting).toBe(2);
    expect([...turns.waitingOf(who.sink)!]).toEqual([first, second]);
  });

  it('is taken once by a subscription, however often it comes', () => {
    const [one] = come(1);
    expect(turns.take(one!)).toBe(true);
    turns.give(one!);
    expect(turns.held).toBe(0);
  });

  it('goes to nobody who has left meanwhile', () => {
    const all = come(5);
    turns.give(all[2]!);
    turns.give(all[3]!);
    turns.give(all[0]!);
    expect(begun).toEqual([all[4]!.sink]);
  });

  it('is given back by nobody who has none', () => {
    const all = come(3);
    turns.give(returning());
    turns.give(all[0]!);
    turns.give(all[0]!);
    expect([turns.held, turns.waiting]).toEqual([2, 0]);
  });

  it('is over after a second, and the next one has it', () => {
    const all = come(6);
    clock.advance(TURN - 1);
    expect(begun).toEqual([]);
    clock.advance(1);
    expect(begun).toEqual(sinksOf(all.slice(2, 4)));
    expect([turns.held, turns.waiting]).toEqual([2, 2]);
    clock.advance(TURN);
    expect(begun).toEqual(sinksOf(all.slice(2)));
  });

  it('is counted for each from its own beginning', () => {
    const [first] = come(1);
    clock.advance(2 * LOOK);
    const [, third] = come(2);
    clock.advance(TURN - 2 * LOOK);
    expect(begun).toEqual([third!.sink]);
    turns.give(first!);
    expect([turns.held, turns.waiting]).toEqual([2, 0]);
  });

  it('is not over because this process stood still: nobody could read anything then', () => {
    come(3);
    for (let i = 0; i < 4; i++) clock.stall(100 * TURN);
    expect(begun).toEqual([]);
    clock.advance(LOOK);
    expect(begun).toHaveLength(1);
  });

  it('may be taken anew by a connection whose turn is over, behind those who wait', () => {
    const [slow, , waiting] = come(3);
    clock.advance(TURN);
    expect(begun).toEqual([waiting!.sink]);
    come(1);
    const more = returning(slow!.subscriber as never);
    expect([turns.held, turns.take(more)]).toEqual([2, false]);
    expect([...turns.waitingOf(more.sink)!]).toEqual([more]);
    // It is slow on this one: that has nothing to give back.
    turns.give(slow!);
    expect(turns.waiting).toBe(1);
  });

  it('is not for a socket without room: it is slow, and keeps nobody waiting', () => {
    const full = returning();
    full.sink.room = 0;
    expect([turns.take(full), turns.held]).toEqual([true, 0]);
    const all = come(5);
    for (const { sink } of all.slice(2, 4)) sink.room = -1;
    turns.give(all[0]!);
    expect(begun).toEqual(sinksOf(all.slice(2)));
    expect([turns.held, turns.waiting]).toEqual([2, 0]);
  });

  it('passes thousands that have no room without going deeper for each', () => {
    const all = come(20_000);
    for (const { sink } of all) sink.room = 0;
    turns.give(all[0]!);
    expect(begun).toHaveLength(19_998);
    expect([turns.held, turns.waiting]).toEqual([1, 0]);
  });

  it('takes one timer for all, and none when nobody has a turn', () => {
    expect(clock.timers).toBe(0);
    const all = come(10);
    expect(clock.timers).toBe(1);
    for (const subscription of all) turns.give(subscription);
    clock.advance(LOOK);
    expect([clock.timers, turns.held, turns.waiting]).toEqual([0, 0, 0]);
  });

  it('leaves nothing when all have gone, whether they had a turn, waited or were slow', () => {
    const all = come(20);
    clock.advance(2 * TURN);
    for (const subscription of all.toReversed()) turns.give(subscription);
    expect([turns.held, turns.waiting]).toEqual([0, 0]);
    for (const { sink } of all) expect(turns.waitingOf(sink)).toBeUndefined();
    clock.settle();
    expect(clock.timers).toBe(0);
  });

  describe('#stop', () => {
    it('leaves nothing armed, and begins no turn any more', () => {
      const all = come(5);
      turns.stop();
      expect(clock.timers).toBe(0);
      for (const subscription of all) turns.give(subscription);
      expect([begun, turns.held, turns.waiting]).toEqual([[], 0, 0]);
    });
  });
});
