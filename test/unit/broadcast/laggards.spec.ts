import { beforeEach, describe, expect, it } from 'vitest';
import { Laggards } from '../../../lib/broadcast/laggards.js';
import { ByteLedger } from '../../../lib/memory/byte-ledger.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { Batch } from '../../../lib/wire/batch.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { type HandSink, subscriber } from '../../support/unit/subscribers.js';
import { append, payloadOf, PLENTY, retentionOf, topicOf } from '../../support/unit/topics.js';

const GRACE = 1000;

let clock: HandClock;
let budget: ByteLedger;
/** Those of all connections. */
let sinks: HandSink[];
let laggards: Laggards;

beforeEach(() => {
  clock = new HandClock();
  budget = new ByteLedger(10_000);
  sinks = [];
  laggards = new Laggards(clock, GRACE, budget, () => sinks);
});

/** A connection with a subscription that is behind; it ends when it is evicted. */
function behind(topic: Topic): Subscription & { readonly sink: HandSink } {
  const who = subscriber();
  const subscription = new Subscription(topic, who);
  sinks.push(who.sink);
  topic.replay(subscription);
  laggards.add(subscription);
  who.sink.onEvict = () => {
    laggards.delete(subscription);
    topic.remove(subscription);
    budget.add(-who.sink.unsent);
    who.sink.release();
  };
  return subscription as Subscription & { readonly sink: HandSink };
}

/** A connection that is behind, and has not taken what it was given. */
function frozen(): Subscription & { readonly sink: HandSink } {
  const subscription = behind(topicOf());
  lag(subscription.sink, 1);
  return subscription;
}

/** A connection that is behind, and catches up with a socket that does not take what it was given. */
function busy(): { sink: HandSink; caughtUp: () => void; behindAgain: () => void } {
  const subscription = frozen();
  subscription.sink.room = 10;
  return {
    sink: subscription.sink,
    caughtUp: () => laggards.delete(subscription),
    behindAgain: () => void laggards.add(subscription),
  };
}

/** The socket does not take bytes that it was given. */
function lag(sink: HandSink, bytes: number): void {
  const batch = new Batch([Buffer.alloc(bytes)]);
  sink.add(batch);
  batch.release();
  budget.add(bytes);
}

describe('Laggards', () => {
  it('knows who is behind, by connection', () => {
    const [a, b] = [topicOf('a'), topicOf('b')];
    const who = subscriber();
    const [first, second] = [new Subscription(a, who), new Subscription(b, who)];
    const other = behind(a);
    const laggard = laggards.add(first);
    expect(laggards.add(second)).toBe(laggard);
    expect(laggards.add(first)).toBe(laggard);
    expect(laggards.of(who.sink)).toBe(laggard);
    expect([...laggards.subscriptions()]).toEqual([other, first, second]);
    expect(laggards.size).toBe(2);
    laggards.delete(first);
    laggards.delete(first);
    expect([...laggard.subscriptions]).toEqual([second]);
    laggards.delete(second);
    expect(laggards.of(who.sink)).toBeUndefined();
    expect(laggards.size).toBe(1);
  });

  describe('the time of grace', () => {
    it('is given to a socket that takes nothing, which then is closed', () => {
      const { sink } = frozen();
      clock.advance(GRACE);
      expect(sink.slow).toBe(0);
      clock.advance(GRACE / 4);
      expect(sink.slow).toBe(1);
    });

    it('begins anew for a socket that has taken something, however slow it is', () => {
      const { sink } = frozen();
      for (let i = 0; i < 20; i++) {
        clock.advance(GRACE * 0.9);
        sink.left = i + 1;
      }
      expect(sink.slow).toBe(0);
      clock.advance(GRACE);
      expect(sink.slow).toBe(0);
      clock.advance(GRACE * 0.5);
      expect(sink.slow).toBeGreaterThan(0);
    });

    it('is not over because this process stood still: nobody could take anything then', () => {
      const { sink } = frozen();
      for (let i = 0; i < 3; i++) clock.stall(GRACE * 100);
      expect(sink.slow).toBe(0);
      clock.advance(GRACE / 2);
      expect(sink.slow).toBe(1);
    });

    it('counts for each of them from when it fell behind, to a quarter of it', () => {
      const { sink: early } = frozen();
      clock.advance(GRACE * 0.9);
      const { sink: late } = frozen();
      clock.advance(GRACE * 0.4);
      expect([early.slow, late.slow]).toEqual([1, 0]);
    });

    it('does not pass for a socket that has taken all it was given: it waits for this process', () => {
      const { sink } = behind(topicOf());
      clock.advance(GRACE * 10);
      expect(sink.slow).toBe(0);
      lag(sink, 1);
      clock.advance(GRACE);
      expect(sink.slow).toBe(0);
      clock.advance(GRACE / 4);
      expect(sink.slow).toBe(1);
    });

    it('ends for nobody who has caught up', () => {
      const caughtUp = frozen();
      clock.advance(GRACE);
      laggards.delete(caughtUp);
      clock.advance(GRACE);
      expect(caughtUp.sink.slow).toBe(0);
    });

    it('goes on for a socket that is behind again before it has taken anything', () => {
      const { sink, caughtUp, behindAgain } = busy();
      clock.advance(GRACE * 0.6);
      caughtUp();
      clock.advance(GRACE * 0.3);
      behindAgain();
      clock.advance(GRACE * 0.35);
      expect(sink.slow).toBe(1);
    });

    it.each<[string, (sink: HandSink) => void]>([
      ['has taken something meanwhile', sink => (sink.left = 5)],
      ['has taken everything meanwhile', sink => laggards.drained(sink)],
    ])('begins anew when it %s', (_, takes) => {
      const { sink, caughtUp, behindAgain } = busy();
      clock.advance(GRACE);
      caughtUp();
      takes(sink);
      behindAgain();
      clock.advance(GRACE);
      expect(sink.slow).toBe(0);
      clock.advance(GRACE / 4);
      expect(sink.slow).toBe(1);
    });

    it('is nothing to wait for when the socket of who has caught up is busy no more', () => {
      const { sink, caughtUp } = busy();
      caughtUp();
      clock.advance(GRACE * 3);
      expect([clock.timers, sink.slow]).toEqual([1, 0]);
      sink.room = Infinity;
      clock.advance(GRACE / 4);
      expect(clock.timers).toBe(0);
    });

    it('takes one timer, and none when nobody is behind', () => {
      expect(clock.timers).toBe(0);
      const all = [1, 2, 3].map(() => behind(topicOf()));
      expect(clock.timers).toBe(1);
      for (const subscription of all) laggards.delete(subscription);
      clock.advance(GRACE / 4);
      expect(clock.timers).toBe(0);
    });
  });

  describe('the budget', () => {
    it('ends the worst until what is kept is within it, at the end of the turn', () => {
      const all = [1000, 5000, 2000, 3000].map(bytes => {
        const subscription = behind(topicOf());
        lag(subscription.sink, bytes);
        return subscription;
      });
      const evictions = (): number[] => all.map(({ sink }) => sink.evictions);
      expect(evictions()).toEqual([0, 0, 0, 0]);
      clock.turn();
      expect(evictions()).toEqual([0, 1, 0, 0]);
      expect(budget.used).toBe(6000);
      lag(all[0]!.sink, 5500);
      clock.turn();
      expect(evictions()).toEqual([1, 1, 0, 0]);
    });

    it('counts what they have not been sent of their topics together with what their sockets hold', () => {
      const topic = topicOf('t', {}, retentionOf(PLENTY, undefined, budget));
      const further = behind(topic);
      append(topic, [payloadOf(4000)]);
      const nearer = behind(topic);
      append(topic, [payloadOf(4000)]);
      lag(nearer.sink, 3000);
      topic.lane.settle(topic.lane.beginFlush(), 0);
      expect(budget.used).toBeGreaterThan(11_000);
      clock.turn();
      expect([further.sink.evictions, nearer.sink.evictions]).toEqual([1, 0]);
      expect(topic.log.first).toBe(2);
      expect(budget.used).toBe(7000 + 128);
    });

    it('ends also those that are not behind, but do not read what they are sent otherwise', () => {
      const { sink } = subscriber();
      sink.onEvict = () => {
        budget.add(-sink.unsent);
        sink.release();
      };
      sinks.push(sink);
      lag(sink, 10_001);
      clock.turn();
      expect([sink.evictions, budget.used]).toEqual([1, 0]);
    });

    it('ends nobody whose end would gain nothing', () => {
      const { sink } = subscriber();
      sinks.push(sink);
      const idle = behind(topicOf());
      budget.add(20_000);
      clock.turn();
      expect([sink.evictions, idle.sink.evictions]).toEqual([0, 0]);
      expect(clock.immediates).toBe(0);
    });

    it('does not fail on a conflating topic, whose log is dropped whoever is behind', () => {
      const topic = topicOf('t', { conflate: true });
      const { sink } = behind(topic);
      append(topic, [1, 2], { key: 'k' });
      topic.lane.settle(topic.lane.beginFlush(), 0);
      lag(sink, 10_001);
      clock.turn();
      expect(sink.evictions).toBe(1);
    });

    it('ends nobody when it was met before the turn was over', () => {
      const { sink } = behind(topicOf());
      lag(sink, 10_001);
      budget.add(-5000);
      clock.turn();
      expect(sink.evictions).toBe(0);
      expect(clock.immediates).toBe(0);
    });
  });

  describe('a socket whose answers are waited for', () => {
    /** One that has not taken what it was given, though it has no subscriptions. */
    function unread(): HandSink {
      const { sink } = subscriber();
      lag(sink, 1);
      laggards.watch(sink);
      return sink;
    }

    it('is closed when it takes nothing for the time of grace', () => {
      const sink = unread();
      clock.advance(GRACE);
      expect(sink.slow).toBe(0);
      clock.advance(GRACE / 4);
      expect(sink.slow).toBe(1);
    });

    it('is not closed while it takes something, nor when its time begins again', () => {
      const sink = unread();
      for (let i = 1; i <= 20; i++) {
        clock.advance(GRACE * 0.9);
        if (i % 2 === 0) sink.left = i;
        else laggards.watch(sink);
      }
      expect(sink.slow).toBe(0);
    });

    it('is watched once, until nothing waits for it', () => {
      const sink = unread();
      laggards.watch(sink);
      expect(clock.timers).toBe(1);
      clock.advance(GRACE);
      laggards.unwatch(sink);
      clock.advance(GRACE);
      expect(sink.slow).toBe(0);
      expect(clock.timers).toBe(0);
    });
  });

  describe('#stop', () => {
    it('leaves nothing armed', () => {
      lag(behind(topicOf()).sink, 10_001);
      expect(clock).toMatchObject({ timers: 1, immediates: 1 });
      laggards.stop();
      expect(clock).toMatchObject({ timers: 0, immediates: 0 });
    });
  });
});
