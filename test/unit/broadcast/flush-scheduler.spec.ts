import { beforeEach, describe, expect, it } from 'vitest';
import { FlushScheduler, type FlushTiming } from '../../../lib/broadcast/flush-scheduler.js';
import { FlushWalk } from '../../../lib/broadcast/flush-walk.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { UnsentBatches } from '../../../lib/wire/batch.js';
import { JoinedBatches } from '../../../lib/wire/joined-batches.js';
import { Counters } from '../../../lib/observe/counters.js';
import type { Lane } from '../../../lib/topic/topic.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { TIMING } from '../../support/unit/core.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { append, payloadOf, topicOf } from '../../support/unit/topics.js';

let clock: HandClock;
let log: string[];
/** Milliseconds that delivering a topic takes. */
let cost: number;
/** What a delivery does besides, such as publishing. */
let during: (topic: Topic) => void;

beforeEach(() => {
  clock = new HandClock();
  log = [];
  cost = 0;
  during = () => {};
});

function make(timing: Partial<FlushTiming> = {}): FlushScheduler {
  let at: Lane;
  const walk = {
    serveAlone: () => false,
    begin(lane: Lane) {
      at = lane;
    },
    step() {
      clock.time += cost;
      log.push(`${at.topic.name}:${at.topic.log.head}`);
      at.settle(at.beginFlush(), clock.time);
      during(at.topic);
      return true;
    },
    clear() {},
  };
  const joined = new JoinedBatches(new BufferPool(), new UnsentBatches());
  const flush = new FlushWalk(walk, joined, { endFlush: () => {} }, () => clock.time);
  return new FlushScheduler(flush, { ...TIMING, ...timing }, clock, new Counters());
}

/** Makes a topic of so many subscriptions that a flush looks at the clock after it. */
function topic(name = 't'): Topic {
  const made = topicOf(name);
  for (let i = 0; i < 16; i++) made.lane.add({ moveTo: () => {} } as never);
  return made;
}

function publish(scheduler: FlushScheduler, to: Topic, bytes = 1): void {
  append(to, [bytes > 2 ? payloadOf(bytes) : 1]);
  scheduler.request(to.lane);
}

/** Runs one flush of a given cost and gives the time until the next, published at once, is due. */
function windowAfter(scheduler: FlushScheduler, to: Topic, ms: number): number {
  cost = ms;
  publish(scheduler, to);
  clock.settle();
  publish(scheduler, to);
  return clock.nextIn ?? 0;
}

describe('FlushScheduler', () => {
  describe('#request', () => {
    it('flushes at the end of the loop turn when idle, all that was published in it', () => {
      const scheduler = make();
      const [a, b] = [topic('a'), topic('b')];
      for (const to of [a, b, a]) publish(scheduler, to);
      expect(log).toEqual([]);
      expect(clock).toMatchObject({ immediates: 1, timers: 0 });
      clock.turn();
      expect(log).toEqual(['a:2', 'b:1']);
      expect(clock).toMatchObject({ immediates: 0, timers: 0 });
    });

    it('lets the window grow with what flushes cost, and shrink again', () => {
      const scheduler = make({ maxDelay: 1000 });
      const t = topic();
      const windows = [10, 10, 10, 10].map(ms => windowAfter(scheduler, t, ms));
      expect(windows[0]).toBeCloseTo(2);
      expect([...windows].sort((a, b) => a - b)).toEqual(windows);
      expect(new Set(windows).size).toBe(4);
      for (let i = 0; i < 50; i++) windowAfter(scheduler, t, 10);
      expect(windowAfter(scheduler, t, 10)).toBeCloseTo(10, 1);
      for (let i = 0; i < 50; i++) windowAfter(scheduler, t, 0);
      expect(clock.immediates).toBe(1);
    });

    it.each([
      [0.5, 10],
      [0.25, 30],
      [0.1, 90],
      [1, 0],
    ])(
      'with utilisation %d waits so long that flushing takes that share of the time',
      (utilisation, wait) => {
        const scheduler = make({ utilisation, maxDelay: 1000 });
        const t = topic();
        for (let i = 0; i < 60; i++) windowAfter(scheduler, t, 10);
        expect(windowAfter(scheduler, t, 10)).toBeCloseTo(wait, 1);
      },
    );

    it('never waits longer than maxDelay', () => {
      const scheduler = make({ maxDelay: 30 });
      const t = topic();
      for (let i = 0; i < 30; i++) windowAfter(scheduler, t, 500);
      expect(windowAfter(scheduler, t, 500)).toBe(30);
    });

    it('flushes every turn with maxDelay 0, whatever it costs', () => {
      const scheduler = make({ maxDelay: 0 });
      const t = topic();
      windowAfter(scheduler, t, 500);
      expect(clock).toMatchObject({ immediates: 1, timers: 0 });
    });

    it('counts the window from the end of the last flush, so that who comes later waits less', () => {
      const scheduler = make({ maxDelay: 20, slice: 1000 });
      const t = topic();
      for (let i = 0; i < 20; i++) windowAfter(scheduler, t, 400);
      clock.settle();
      clock.advance(15);
      publish(scheduler, t);
      expect(clock.nextIn).toBeCloseTo(5);
      clock.settle();
      clock.advance(25);
      publish(scheduler, t);
      expect(clock).toMatchObject({ immediates: 1, timers: 0 });
    });

    it('flushes a full batch at once, and whatever else is pending with it', () => {
      const scheduler = make({ window: 500, maxBytes: 1000 });
      const [a, b] = [topic('a'), topic('b')];
      publish(scheduler, a, 999);
      publish(scheduler, b, 999);
      expect(clock).toMatchObject({ immediates: 0, timers: 1 });
      publish(scheduler, a, 1);
      expect(clock).toMatchObject({ immediates: 1, timers: 0 });
      clock.turn();
      expect(log).toEqual(['a:2', 'b:1']);
    });

    it('keeps a fixed rhythm with window, load or not', () => {
      const scheduler = make({ window: 500, maxDelay: 50 });
      const t = topic();
      publish(scheduler, t);
      clock.turn();
      clock.advance(499);
      expect(log).toEqual([]);
      publish(scheduler, t);
      clock.advance(1);
      expect(log).toEqual(['t:2']);
      cost = 100;
      publish(scheduler, t);
      expect(clock.nextIn).toBe(500);
    });

    it('arms only once', () => {
      const scheduler = make({ window: 500 });
      for (let i = 0; i < 100; i++) publish(scheduler, topic(`t${i}`));
      expect(clock).toMatchObject({ immediates: 0, timers: 1 });
    });
  });

  describe('a flush', () => {
    it('leaves what is published on a delivered topic to the next flush, and loses none of it', () => {
      const scheduler = make({ slice: 8 });
      const [a, b] = [topic('a'), topic('b')];
      cost = 10;
      publish(scheduler, a);
      publish(scheduler, b);
      clock.turn();
      publish(scheduler, a);
      publish(scheduler, b);
      expect(log).toEqual(['a:1']);
      clock.turn();
      expect(log).toEqual(['a:1', 'b:2']);
      clock.settle();
      expect(log).toEqual(['a:1', 'b:2', 'a:2']);
    });

    describe('that is kept waiting', () => {
      /** Deliveries of a flush to 20 topics of 10 ms each: at the first turn, `late` ms after it was due, and at the next one. */
      const deliveries = (late: number, later: number): number[] => {
        const scheduler = make({ slice: 8 });
        cost = 10;
        for (let i = 0; i < 20; i++) publish(scheduler, topic(`t${i}`));
        clock.time += late;
        clock.turn();
        const first = log.length;
        clock.time += later;
        clock.turn();
        return [first, log.length - first];
      };

      it('takes as long for its slice as the loop took for others', () => {
        expect(deliveries(20, 30)).toEqual([2, 3]);
      });

      it('takes its usual slice after less than that', () => {
        expect(deliveries(5, 5)).toEqual([1, 1]);
      });

      it('takes four times its usual slice at most', () => {
        expect(deliveries(1000, 1000)).toEqual([4, 4]);
      });

      it.each([
        ['armed', () => clock.turn()],
        ['wanted at once', (scheduler: FlushScheduler) => void scheduler.flush()],
      ])('was not, when nothing was published before it was %s', (_, begin) => {
        const scheduler = make({ slice: 8 });
        publish(scheduler, topic('before'));
        clock.settle();
        clock.time += 1000;
        cost = 10;
        for (let i = 0; i < 20; i++) publish(scheduler, topic(`t${i}`));
        begin(scheduler);
        expect(log).toHaveLength(2);
      });

      it('is not, by the time that publications gather', () => {
        const scheduler = make({ slice: 8, window: 500 });
        cost = 10;
        for (let i = 0; i < 20; i++) publish(scheduler, topic(`t${i}`));
        clock.time += 400;
        void scheduler.flush();
        expect(log).toHaveLength(1);
      });
    });

    it('arms nothing while it is under way', () => {
      const scheduler = make({ slice: 8 });
      const [a, b, c] = ['a', 'b', 'c'].map(name => topic(name)) as [Topic, Topic, Topic];
      cost = 10;
      during = ({ name }) => {
        if (name === 'a') publish(scheduler, c);
      };
      publish(scheduler, a);
      publish(scheduler, b);
      clock.turn();
      expect(clock).toMatchObject({ immediates: 1, timers: 0 });
      clock.settle();
      expect(log).toEqual(['a:1', 'b:1', 'c:1']);
    });

    it('arms the next one by itself when something was published meanwhile, at once for a full batch', () => {
      const scheduler = make({ window: 500, maxBytes: 1000 });
      const t = topic();
      let bytes = 1;
      during = () => {
        if (log.length < 3) publish(scheduler, t, bytes);
      };
      publish(scheduler, t);
      clock.advance(500);
      expect(log).toEqual(['t:1']);
      expect(clock).toMatchObject({ immediates: 0, timers: 1 });
      bytes = 1000;
      clock.advance(500);
      expect(log).toEqual(['t:1', 't:2']);
      expect(clock).toMatchObject({ immediates: 1, timers: 0 });
    });

    it('that fails is over, and the next one goes on', async () => {
      const scheduler = make();
      const t = topic();
      during = () => {
        during = () => {};
        throw new Error('no memory');
      };
      publish(scheduler, t);
      const flushed = scheduler.flush();
      await expect(flushed).rejects.toThrow('no memory');
      publish(scheduler, t);
      expect(clock.immediates + clock.timers).toBe(1);
      clock.settle();
      expect(log).toEqual(['t:1', 't:2']);
      await scheduler.flush();
    });

    it('counts the time of all its slices as its cost, but not the time between', () => {
      const scheduler = make({ slice: 8, maxDelay: 1000 });
      cost = 10;
      const all = ['a', 'b', 'c', 'd'].map(name => topic(name));
      for (const t of all) publish(scheduler, t);
      clock.turn();
      while (clock.immediates > 0) {
        clock.time += 100;
        clock.turn();
      }
      publish(scheduler, all[0]!);
      // A fifth of 40 ms.
      expect(clock.nextIn).toBeCloseTo(8);
    });
  });

  describe('#flush', () => {
    it('flushes at once, in place of the armed one', async () => {
      const scheduler = make({ window: 500 });
      publish(scheduler, topic());
      await scheduler.flush();
      expect(log).toEqual(['t:1']);
      expect(clock).toMatchObject({ immediates: 0, timers: 0 });
    });

    it('resolves at once when nothing is pending', async () => {
      await make().flush();
      expect(log).toEqual([]);
    });

    it('resolves after the last slice, with what was published before the call', async () => {
      const scheduler = make({ slice: 8 });
      const [a, b] = [topic('a'), topic('b')];
      let done = false;
      cost = 10;
      publish(scheduler, a);
      publish(scheduler, b);
      clock.turn();
      publish(scheduler, a);
      const flushed = scheduler.flush().then(() => (done = true));
      await Promise.resolve();
      expect(done).toBe(false);
      for (let turn = 0; turn < 5; turn++) {
        clock.turn();
        await new Promise(resolve => process.nextTick(resolve));
      }
      await flushed;
      expect(done).toBe(true);
      expect(log).toEqual(['a:1', 'b:1', 'a:2']);
    });
  });

  describe('#stop', () => {
    it.each([{}, { window: 500 }])('leaves nothing armed with %j', timing => {
      const scheduler = make(timing);
      publish(scheduler, topic());
      scheduler.stop();
      expect(clock).toMatchObject({ immediates: 0, timers: 0 });
    });

    it('cancels a flush between two slices, and the next request flushes what is left', () => {
      const scheduler = make({ slice: 8 });
      const all = ['a', 'b', 'c'].map(name => topic(name));
      cost = 10;
      for (const t of all) publish(scheduler, t);
      clock.turn();
      scheduler.stop();
      expect(clock).toMatchObject({ immediates: 0, timers: 0 });
      for (const t of all) publish(scheduler, t);
      clock.settle();
      expect([...log].sort()).toEqual(['a:1', 'a:2', 'b:2', 'c:2']);
    });

    it('leaves nobody waiting for a flush', async () => {
      const scheduler = make({ slice: 8 });
      cost = 10;
      publish(scheduler, topic('a'));
      publish(scheduler, topic('b'));
      const flushed = scheduler.flush();
      scheduler.stop();
      const outcome = await Promise.race([flushed.then(() => 'resolved'), new Promise(setImmediate)]);
      expect(outcome).toBe('resolved');
    });
  });
});
