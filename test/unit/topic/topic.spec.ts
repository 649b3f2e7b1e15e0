import { describe, expect, it } from 'vitest';
import { offsetIn, positionOf } from '../../../lib/topic/position.js';
import { type SubscriptionState, TRANSITIONS } from '../../../lib/topic/subscription-states.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { subscriber } from '../../support/unit/subscribers.js';
import { append, payloadOf, retentionOf, topicOf } from '../../support/unit/topics.js';

const MEBIBYTE = 1024 * 1024;

function held(at: Topic): Subscription {
  const subscription = new Subscription(at, subscriber());
  at.hold(subscription);
  return subscription;
}

function live(at: Topic): Subscription {
  const subscription = held(at);
  at.activate(subscription);
  return subscription;
}

/** Where a subscription is, as the topic and the subscription say. */
function placeOf(at: Topic, subscription: Subscription): string[] {
  const places: [string, boolean][] = [
    [subscription.state, true],
    ['among the held', at.held.has(subscription)],
    ['among those behind', at.behind.has(subscription)],
    ['in its lane', subscription.lane.subscriptions.includes(subscription)],
  ];
  return places.filter(([, is]) => is).map(([place]) => place);
}

describe('Subscription', () => {
  it('begins after what was published so far, held, in the lane of the topic', () => {
    const at = topicOf();
    append(at, [1, 2, 3]);
    const subscription = new Subscription(at, subscriber());
    expect(subscription).toMatchObject({ cursor: 3, lane: at.lane, answered: false, renewable: false });
    expect(subscription).toMatchObject({ state: 'held', served: false, live: false, catchingUp: false });
  });
});

describe('Topic', () => {
  describe('#append', () => {
    it('counts what is pending, and moves the position', () => {
      const at = topicOf();
      append(at, [payloadOf(10)]);
      append(at, [payloadOf(5)], { except: 'id' });
      expect(at.position).toBe('e:2');
      expect(at.lane.pendingBytes).toBe(15);
      expect(at.lane.flushed).toBe(0);
      expect(at.log.range(1, 2)[0]).toMatchObject({ except: 'id' });
    });

    it('notes the newest of each key where the topic conflates, and only there', () => {
      const [conflating, plain] = [topicOf('t', { conflate: true }), topicOf()];
      for (const at of [conflating, plain]) append(at, [1, 2], { key: 'k' });
      expect(conflating.latest!.range(0, 9).map(({ json }) => json)).toEqual(['2']);
      expect([conflating.conflates, plain.conflates, plain.latest]).toEqual([true, false, undefined]);
    });
  });

  describe('a subscription', () => {
    const SET = {
      held: ['held', 'among the held'],
      renewing: ['renewing', 'among the held'],
      behind: ['behind', 'among those behind'],
      returning: ['returning', 'among those behind'],
      waiting: ['waiting', 'among those behind'],
      live: ['live', 'in its lane'],
      ended: ['ended'],
    } satisfies Record<SubscriptionState, string[]>;
    const STATES = Object.keys(SET) as SubscriptionState[];

    function enter(at: Topic, subscription: Subscription, state: SubscriptionState): void {
      if (state === 'held') at.hold(subscription);
      else if (state === 'renewing') at.renew(subscription);
      else if (state === 'behind') at.defer(subscription);
      else if (state === 'returning') at.replay(subscription);
      else if (state === 'live') at.activate(subscription);
      else if (state === 'ended') at.remove(subscription);
      else subscription.enter(state);
    }

    /** A subscription that has come to a state on the shortest way. */
    function inState(at: Topic, state: SubscriptionState): Subscription {
      const ways: SubscriptionState[][] = [['held']];
      for (const way of ways) {
        const last = way.at(-1)!;
        if (last !== state) {
          for (const next of TRANSITIONS[last]) if (!way.includes(next)) ways.push([...way, next]);
          continue;
        }
        const subscription = new Subscription(at, subscriber());
        for (const each of way) enter(at, subscription, each);
        return subscription;
      }
      return expect.unreachable(`no way to ${state}`);
    }

    it.each(STATES.flatMap(from => STATES.map(to => [from, to] as const)))(
      'is in one place at a time on the way from %s to %s, or stays where it is',
      (from, to) => {
        const at = topicOf();
        const other = live(at);
        const subscription = inState(at, from);
        const isAllowed = from === to || TRANSITIONS[from].includes(to);
        if (isAllowed) enter(at, subscription, to);
        else expect(() => enter(at, subscription, to)).toThrow(`from state "${from}" to state "${to}"`);
        expect(placeOf(at, subscription)).toEqual(SET[isAllowed ? to : from]);
        expect(placeOf(at, other)).toEqual(SET.live);
        at.remove(subscription);
        expect(placeOf(at, subscription)).toEqual(['ended']);
      },
    );

    it('counts once it was answered, also while it is behind', () => {
      const at = topicOf();
      const [waiting, slow, present] = [held(at), live(at), live(at)];
      expect(at.subscribers).toBe(2);
      at.defer(slow);
      expect(at.subscribers).toBe(2);
      expect(new Set(at.listeners())).toEqual(new Set([slow, present]));
      at.remove(present);
      at.remove(slow);
      expect([at.subscribers, at.vacant]).toEqual([0, false]);
      at.remove(waiting);
      expect(at.vacant).toBe(true);
    });

    it('keeps its cursor while it is behind', () => {
      const at = topicOf();
      const slow = live(at);
      append(at, [1, 2]);
      at.defer(slow);
      at.lane.settle(at.lane.beginFlush(), 0);
      at.activate(slow);
      expect(slow.cursor).toBe(0);
    });
  });

  describe('#remove', () => {
    it('puts the last one into the gap, and removes that one too when its turn comes', () => {
      const at = topicOf();
      const all = Array.from({ length: 5 }, () => live(at));
      at.remove(all[1]!);
      expect(at.lane.subscriptions).toEqual([all[0], all[4], all[2], all[3]]);
      at.remove(all[4]!);
      at.remove(all[3]!);
      expect(at.lane.subscriptions).toEqual([all[0], all[2]]);
      at.remove(all[2]!);
      at.remove(all[0]!);
      expect(at.lane.subscriptions).toEqual([]);
      expect(all.some(subscription => subscription.live)).toBe(false);
    });

    it('counts those that were live', () => {
      const at = topicOf();
      const [waiting, present] = [held(at), live(at)];
      at.remove(waiting);
      expect(at.lane.departures).toBe(0);
      at.remove(present);
      at.remove(present);
      expect(at.lane.departures).toBe(1);
    });

    it('takes one out that is held or behind, and does nothing for one that is out', () => {
      const at = topicOf();
      const [waiting, slow, present] = [held(at), live(at), live(at)];
      at.defer(slow);
      for (const subscription of [waiting, slow, waiting, slow]) at.remove(subscription);
      expect([at.held.size, at.behind.size]).toEqual([0, 0]);
      expect(at.lane.subscriptions).toEqual([present]);
    });
  });

  describe('#assign', () => {
    const conflating = (every = 0): Topic => topicOf('t', { conflate: true, every });

    it('puts those of one interval into one lane, whatever state they are in', () => {
      const at = conflating();
      const [waiting, present, other] = [held(at), live(at), live(at)];
      for (const subscription of [waiting, present]) at.assign(subscription, 250);
      expect(waiting.lane).toBe(present.lane);
      expect(waiting.lane).toMatchObject({ interval: 250, members: 2 });
      expect(placeOf(at, waiting)).toEqual(['held', 'among the held']);
      expect(placeOf(at, present)).toEqual(['live', 'in its lane']);
      expect(at.lane.subscriptions).toEqual([other]);
      expect([...at.lanes]).toEqual([at.lane, present.lane]);
      expect(at.subscribers).toBe(2);
      expect(new Set(at.listeners())).toEqual(new Set([present, other]));
    });

    it('leaves those in the lane of the topic that would get no less than there', () => {
      const at = conflating(1000);
      const present = live(at);
      at.assign(present, 250);
      at.assign(present, 1000);
      expect(present.lane).toBe(at.lane);
      expect([...at.lanes]).toEqual([at.lane]);
    });

    it('changes the interval, and back to none', () => {
      const at = conflating();
      const present = live(at);
      for (const interval of [100, 100, 500, 0]) at.assign(present, interval);
      expect(present.lane).toBe(at.lane);
      expect(placeOf(at, present)).toEqual(['live', 'in its lane']);
      expect([...at.lanes]).toEqual([at.lane]);
    });

    it('ends a lane with its last member, held and behind included', () => {
      const at = conflating();
      const all = [held(at), live(at), live(at)];
      for (const subscription of all) at.assign(subscription, 100);
      at.defer(all[2]!);
      for (const [i, subscription] of all.entries()) {
        expect([...at.lanes]).toHaveLength(2);
        expect(subscription.lane.members).toBe(3 - i);
        at.remove(subscription);
      }
      expect([...at.lanes]).toEqual([at.lane]);
    });
  });

  describe('what is kept', () => {
    /** A flush of everything that was published. */
    const flush = (at: Topic): void => at.lane.settle(at.lane.beginFlush(), 0);

    it('is nothing that was flushed when nobody needs it', () => {
      const at = topicOf();
      append(at, [1, 2, 3]);
      flush(at);
      expect(at.lane.settled).toBe(3);
      expect(at.log.first).toBe(4);
    });

    it('is what follows the lowest cursor of those that are held or behind', () => {
      const at = topicOf();
      append(at, [1, 2]);
      const early = held(at);
      append(at, [3, 4]);
      const late = live(at);
      at.defer(late);
      append(at, [5, 6]);
      flush(at);
      expect(at.log.first).toBe(3);
      at.activate(early);
      flush(at);
      expect(at.log.first).toBe(5);
      at.remove(late);
      flush(at);
      expect(at.log.first).toBe(7);
    });

    it('is the history, the newest so many', () => {
      const at = topicOf('t', { history: 2 });
      append(at, [1, 2, 3, 4, 5]);
      flush(at);
      expect(at.log.first).toBe(4);
    });

    it('is more than the history for a held cursor', () => {
      const at = topicOf('t', { history: 2 });
      held(at);
      append(at, [1, 2, 3, 4, 5]);
      flush(at);
      expect(at.log).toMatchObject({ first: 1, remembered: 4 });
    });

    it.each(['held', 'behind'] as const)(
      'is no more than the limit for those that wait (%s), but always the history',
      state => {
        const options = { history: { size: 1, bytes: 2 * MEBIBYTE } };
        const at = topicOf('t', options, retentionOf(MEBIBYTE));
        if (state === 'held') held(at);
        else at.defer(live(at));
        append(at, [payloadOf(MEBIBYTE)]);
        flush(at);
        expect(at.log.first).toBe(1);
        append(at, [1]);
        flush(at);
        expect(at.log.first).toBe(2);
        append(at, [payloadOf(MEBIBYTE + 1)]);
        flush(at);
        expect(at.log.first).toBe(3);
      },
    );

    it('is always what is still to be flushed', () => {
      const at = topicOf('t', {}, retentionOf(1));
      append(at, [1, 2, 3, 4, 5]);
      at.lane.settle(3, 0);
      expect(at.log.first).toBe(4);
      held(at).rewind(2);
      at.trim(0);
      expect(at.log.first).toBe(4);
    });

    it('is the newest of each key until every lane has it, where the topic conflates', () => {
      const at = topicOf('t', { conflate: true });
      const subscription = live(at);
      at.assign(subscription, 100);
      append(at, [1, 2], { key: 'a' });
      append(at, [3], { key: 'b' });
      flush(at);
      expect(at.log.first).toBe(4);
      expect(at.latest!.range(0, 9).map(({ offset }) => offset)).toEqual([2, 3]);
      subscription.lane.settle(subscription.lane.beginFlush(), 0);
      expect(at.latest!.size).toBe(0);
    });

    it('is the newest of each key alone when only that is flushed, as soon as the log is too large', () => {
      const at = topicOf('t', { conflate: true, every: 100 }, retentionOf(100));
      for (let i = 0; i < 30; i++) append(at, [payloadOf(10)], { key: `k${i % 3}` });
      expect(at.log.bytes).toBeLessThanOrEqual(100);
      expect(at.log.first).toBeGreaterThan(20);
      expect(at.latest!.range(0, 99).map(({ offset }) => offset)).toEqual([28, 29, 30]);
    });
  });
});

describe('offsetIn', () => {
  it('reads what positionOf writes', () => {
    expect(offsetIn('a:b.1', positionOf('a:b.1', 42))).toBe(42);
    expect(offsetIn('e', 'e:0')).toBe(0);
    expect(offsetIn('e', `e:${Number.MAX_SAFE_INTEGER}`)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    '',
    'e',
    'e:',
    ':1',
    'f:1',
    'e:-1',
    'e:1.5',
    'e:1e3',
    'e: 1',
    'e:0x1',
    'ee:1',
    'e:9007199254740992',
    `e:${'1'.repeat(17)}`,
  ])('knows no offset in %j', position => {
    expect(offsetIn('e', position)).toBeUndefined();
  });
});
