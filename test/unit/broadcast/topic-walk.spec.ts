import { beforeEach, describe, expect, it } from 'vitest';
import { BatchEncoder } from '../../../lib/broadcast/topic-batches.js';
import { TopicWalk } from '../../../lib/broadcast/flush-walk.js';
import { type BatchSink, UnsentBatches } from '../../../lib/wire/batch.js';
import { Counters } from '../../../lib/observe/counters.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { batchedJson } from '../../../lib/protocol/json-formats.js';
import { type HandSubscriber, subscriber } from '../../support/unit/subscribers.js';
import { append, topicOf } from '../../support/unit/topics.js';

let pool: BufferPool;
let walk: TopicWalk;
let topic: Topic;
let now: number;
/** Those whom a walk could not serve, and the topics that it passed. */
let deferred: Subscription[];
let passed: Topic[];

beforeEach(() => {
  pool = new BufferPool();
  now = 0;
  [deferred, passed] = [[], []];
  const fallback = {
    defer: (subscription: Subscription): void => {
      deferred.push(subscription);
      topic.defer(subscription);
    },
    passed: (at: Topic): void => void passed.push(at),
  };
  const fanOut = new BatchEncoder(pool, new UnsentBatches(), new Counters(), () => now);
  walk = new TopicWalk(fanOut.encode, () => now, fallback);
  topic = topicOf();
});

interface Member extends HandSubscriber {
  readonly subscription: Subscription;
}

function join(who: HandSubscriber = subscriber()): Member {
  const subscription = new Subscription(topic, who);
  topic.activate(subscription);
  who.sink.subscriptionCount++;
  return Object.assign(who, { subscription });
}

/** Members whose every write takes a millisecond, so that a slice of `ms` is as many writes, rounded up to 16. */
function crowd(count: number): Member[] {
  return Array.from({ length: count }, () => {
    const member = join();
    member.sink.onWrite = () => now++;
    return member;
  });
}

function publish(...values: unknown[]): void {
  append(topic, values);
}

/** The whole topic in one go; what it leaves to be written. */
function handOut(place = 0): BatchSink[] {
  const later: BatchSink[] = [];
  topic.lane.place = place;
  walk.begin(topic.lane, 0);
  expect(walk.step(Infinity, later)).toBe(true);
  return later;
}

const data = (who: HandSubscriber): unknown[] => who.sink.publications.map(publication => publication.data);
const everything = (members: readonly Member[]): unknown[][] => members.map(data);

describe('TopicWalk', () => {
  it('hands everybody the same batch of a format, a reference and not a copy', () => {
    const [a, b, c] = [join(), join(), join(subscriber(batchedJson))];
    publish(1, 2);
    handOut();
    expect(a.sink.batches[0]).toBe(b.sink.batches[0]);
    expect(c.sink.batches[0]).not.toBe(a.sink.batches[0]);
    expect(pool.stats().taken).toBe(2);
    expect(everything([a, b, c])).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
  });

  it('gives each subscriber what follows its own cursor', () => {
    const first = join();
    publish(1);
    const second = join();
    publish(2);
    handOut();
    publish(3);
    handOut();
    expect(everything([first, second])).toEqual([
      [1, 2, 3],
      [2, 3],
    ]);
  });

  it('writes at once to a sink that only this topic subscriptionCount, and leaves the others to be written', () => {
    const [one, several] = [join(), join()];
    several.sink.subscriptionCount = 2;
    publish(1);
    expect(handOut()).toEqual([several.sink]);
    expect([one, several].map(({ sink }) => sink.writes)).toEqual([1, 0]);
  });

  it('writes at once to every sink when no other topic is in the flush', () => {
    const several = join();
    several.sink.subscriptionCount = 2;
    publish(1);
    walk.begin(topic.lane, 0);
    expect(walk.step(Infinity, undefined)).toBe(true);
    expect(several.sink.writes).toBe(1);
  });

  it('does not name a sink that had something before: somebody will write it already', () => {
    const several = join();
    several.sink.subscriptionCount = 2;
    publish(1);
    handOut();
    publish(2);
    expect(handOut()).toEqual([]);
    expect(data(several)).toEqual([1, 2]);
  });

  it.each([
    [0, [0, 1, 2, 3]],
    [0.5, [2, 3, 0, 1]],
    [0.99, [3, 0, 1, 2]],
  ])('beginning at %d visits everybody once', (place, order) => {
    const visited: number[] = [];
    for (let i = 0; i < 4; i++) join().sink.onWrite = () => visited.push(i);
    publish(1);
    handOut(place);
    expect(visited).toEqual(order);
  });

  it('begins elsewhere each time, in every part of the round', () => {
    join();
    const places = Array.from({ length: 100 }, () => {
      publish(1);
      const { place } = topic.lane;
      walk.begin(topic.lane, 0);
      walk.step(Infinity, undefined);
      return place;
    });
    expect(new Set(places).size).toBe(100);
    for (let tenth = 0; tenth < 10; tenth++) {
      const inIt = places.filter(place => Math.floor(place * 10) === tenth);
      expect(inIt.length).toBeGreaterThanOrEqual(9);
      expect(inIt.length).toBeLessThanOrEqual(11);
    }
  });

  it('begins where it did when something was published meanwhile: who was passed waits for one round only', () => {
    const all = crowd(20);
    topic.lane.place = 0.5;
    publish(1);
    walk.begin(topic.lane, 0);
    walk.step(now + 1, undefined);
    publish(2);
    while (!walk.step(now + 1, undefined));
    expect(topic.lane.place).toBe(0.5);
    for (const { sink } of all) sink.release();
    walk.begin(topic.lane, 0);
    while (!walk.step(now + 1, undefined));
    expect(topic.lane.place).not.toBe(0.5);
  });

  it('encodes nothing without subscribers', () => {
    publish(1);
    expect(handOut()).toEqual([]);
    expect(pool.stats().taken).toBe(0);
    expect(topic.lane.settled).toBe(1);
  });

  it('gives nothing to a held subscription', () => {
    const waiting = subscriber();
    topic.hold(new Subscription(topic, waiting));
    publish(1);
    handOut();
    expect(waiting.sink.batches).toEqual([]);
  });

  describe('a sink without room', () => {
    it('is passed over: its subscription leaves the lane and keeps its cursor, and the others get everything', () => {
      const all = [join(), join(), join()];
      publish(1);
      handOut();
      all[1]!.sink.room = 20;
      publish(2, 3);
      handOut();
      expect(everything(all)).toEqual([[1, 2, 3], [1], [1, 2, 3]]);
      expect(deferred).toEqual([all[1]!.subscription]);
      expect(all[1]!.subscription).toMatchObject({ cursor: 1, state: 'behind' });
      publish(4);
      handOut();
      expect(everything(all)).toEqual([[1, 2, 3, 4], [1], [1, 2, 3, 4]]);
      expect(deferred).toHaveLength(1);
    });

    it('is passed over also when other lanes of the flush may add to it', () => {
      const several = join();
      several.sink.subscriptionCount = 2;
      several.sink.room = 20;
      publish(1);
      expect(handOut()).toEqual([]);
      expect(deferred).toEqual([several.subscription]);
      expect(several.sink.batches).toEqual([]);
    });

    it('is no matter to a subscription that has everything', () => {
      const one = join();
      publish(1);
      handOut();
      one.sink.room = 0;
      handOut();
      expect(deferred).toEqual([]);
    });

    it('keeps what it has not got in the log', () => {
      const [slow] = [join(), join()];
      slow!.sink.room = 0;
      publish(1);
      handOut();
      expect(topic.lane.settled).toBe(1);
      expect(topic.log.first).toBe(1);
    });

    it('is told of at the end of each flush while somebody is behind, and not otherwise', () => {
      const [slow] = [join(), join()];
      publish(1);
      handOut();
      expect(passed).toEqual([]);
      slow!.sink.room = 0;
      publish(2);
      handOut();
      publish(3);
      handOut();
      expect(passed).toEqual([topic, topic]);
    });

    it('leaves nobody out when many are passed over in the middle of a walk, in slices', () => {
      const all = crowd(60);
      for (const [i, { sink }] of all.entries()) if (i % 3 === 0) sink.room = 0;
      publish(1);
      topic.lane.place = 0.4;
      walk.begin(topic.lane, 0);
      while (!walk.step(now + 1, undefined));
      expect(all.map(({ sink }) => sink.writes)).toEqual(all.map((_, i) => (i % 3 === 0 ? 0 : 1)));
      expect(new Set(deferred)).toEqual(
        new Set(all.filter((_, i) => i % 3 === 0).map(member => member.subscription)),
      );
      expect(deferred).toHaveLength(20);
    });
  });

  describe('slabs', () => {
    it('are out until the last sink lets go, and then at home', () => {
      const [a, b] = [join(), join()];
      publish(1);
      handOut();
      a.sink.release();
      expect(pool.stats().inUse).toBe(1);
      b.sink.release();
      expect(pool.stats().inUse).toBe(0);
    });

    it('are not kept out when every sink is closed, nor is the log', () => {
      join().sink.add = () => false;
      publish(1);
      handOut();
      expect(pool.stats()).toMatchObject({ taken: 1, inUse: 0 });
      expect(topic.lane).toMatchObject({ flushed: 1, settled: 1, pendingBytes: 0 });
      expect(topic.log.first).toBe(2);
    });

    it('are given back by clear in the middle of a topic, which can be begun again', () => {
      const all = crowd(40);
      publish(1);
      walk.begin(topic.lane, 0);
      expect(walk.step(now + 1, undefined)).toBe(false);
      walk.clear();
      for (const { sink } of all) sink.release();
      expect(pool.stats().inUse).toBe(0);
      publish(2);
      handOut();
      expect(everything(all.slice(0, 16)).every(got => got.join() === '2')).toBe(true);
      expect(everything(all.slice(16)).every(got => got.join() === '1,2')).toBe(true);
    });
  });

  describe('in slices', () => {
    it('looks at the clock every 16 visits and leaves nobody out', () => {
      const all = crowd(40);
      publish(1);
      topic.lane.place = 0.5;
      walk.begin(topic.lane, 0);
      const served: number[] = [];
      for (let done = false; !done;) {
        done = walk.step(now + 1, undefined);
        served.push(all.filter(({ sink }) => sink.writes > 0).length);
      }
      expect(served).toEqual([16, 32, 40]);
      expect(all.every(({ sink }) => sink.writes === 1)).toBe(true);
      expect(pool.stats().taken).toBe(1);
    });

    it('takes along what was published meanwhile, for those still to come; the others get it next time', () => {
      const all = crowd(40);
      publish(1);
      walk.begin(topic.lane, 0);
      walk.step(now + 1, undefined);
      publish(2);
      while (!walk.step(now + 1, undefined));
      expect(everything(all).map(got => got.join())).toEqual([
        ...Array(16).fill('1'),
        ...Array(24).fill('1,2'),
      ]);
      expect(topic.lane).toMatchObject({ settled: 1, flushed: 2 });
      for (const { sink } of all) sink.release();
      handOut();
      expect(everything(all).map(got => got.join())).toEqual([...Array(16).fill('2'), ...Array(24).fill('')]);
      expect(topic.lane.settled).toBe(2);
      expect(topic.log.first).toBe(3);
    });

    it('has nobody left out who was moved behind it when another one left', () => {
      const all = crowd(40);
      publish(1);
      walk.begin(topic.lane, 0);
      walk.step(now + 1, undefined);
      topic.remove(all[3]!.subscription);
      topic.remove(all[7]!.subscription);
      publish(2);
      while (!walk.step(now + 1, undefined));
      expect(everything(all).every(got => got[0] === 1)).toBe(true);
      // As many visits as there were subscribers: two of the first sixteen are visited again in place of those who left.
      expect(everything(all).filter(got => got.join() === '1')).toHaveLength(14);
    });

    it('has nobody left out who is moved while it looks for those that were moved', () => {
      const all = crowd(40);
      publish(1);
      walk.begin(topic.lane, 0);
      walk.step(now + 1, undefined);
      topic.remove(all[3]!.subscription);
      topic.remove(all[7]!.subscription);
      // The last two are at 3 and 7 now; the one at 3 leaves when it is written to, and brings the one before them there.
      all[39]!.sink.onWrite = () => topic.remove(all[39]!.subscription);
      for (let i = 33; i < 38; i++) all[i]!.sink.onWrite = () => topic.remove(all[i]!.subscription);
      while (!walk.step(now + 1, undefined));
      expect(all.map(({ sink }) => sink.writes)).toEqual(Array(40).fill(1));
    });

    it.each([1, 3])('has nobody left out for %i who came meanwhile, wherever it began', count => {
      const all = crowd(40);
      topic.lane.place = 0.5;
      publish(1);
      walk.begin(topic.lane, 0);
      walk.step(now + 1, undefined);
      for (let i = 0; i < count; i++) join();
      while (!walk.step(now + 1, undefined));
      expect(everything(all).map(got => got.join())).toEqual(Array(40).fill('1'));
    });

    it('looks at the clock while it goes after those that were moved, too', () => {
      const all = crowd(100);
      publish(1);
      walk.begin(topic.lane, 0);
      for (let i = 0; i < 3; i++) walk.step(now + 1, undefined);
      for (const { subscription } of all.slice(0, 48)) topic.remove(subscription);
      const served: number[] = [];
      for (let done = false; !done;) {
        const before = all.filter(({ sink }) => sink.writes > 0).length;
        done = walk.step(now + 1, undefined);
        served.push(all.filter(({ sink }) => sink.writes > 0).length - before);
      }
      expect(Math.max(...served)).toBeLessThanOrEqual(16);
      expect(all.every(({ sink }) => sink.writes >= 1)).toBe(true);
    });

    it('leaves out of what goes along what is not for its receiver, from its own cursor on', () => {
      const all = crowd(40);
      append(topic, [1], { except: all[30]!.id });
      walk.begin(topic.lane, 0);
      walk.step(now + 1, undefined);
      append(topic, [2]);
      while (!walk.step(now + 1, undefined));
      expect(data(all[30]!)).toEqual([2]);
      expect(data(all[31]!)).toEqual([1, 2]);
    });

    it('has nobody left out who was moved by one that a write found slow', () => {
      const all = crowd(20);
      for (const at of [2, 18]) all[at]!.sink.onWrite = () => topic.remove(all[at]!.subscription);
      publish(1);
      handOut();
      expect(all.map(({ sink }) => sink.writes)).toEqual(Array(20).fill(1));
      expect(topic.lane.subscriptions).toHaveLength(18);
    });

    it('ends when everybody has left', () => {
      const all = crowd(20);
      publish(1);
      walk.begin(topic.lane, 0);
      walk.step(now + 1, undefined);
      for (const { subscription } of all) topic.remove(subscription);
      expect(walk.step(now + 1, undefined)).toBe(true);
    });

    it('passes by those who came to life meanwhile and have caught up by themselves', () => {
      const all = crowd(20);
      publish(1);
      const late = subscriber();
      const subscription = new Subscription(topic, late);
      subscription.rewind(0);
      walk.begin(topic.lane, 0);
      walk.step(now + 1, undefined);
      topic.activate(subscription);
      subscription.rewind(topic.lane.flushed);
      publish(2);
      while (!walk.step(now + 1, undefined));
      handOut();
      expect(data(late)).toEqual([2]);
      expect(data(all[0]!)).toEqual([1, 2]);
    });
  });
});

describe('TopicWalk.serveAlone()', () => {
  const later: BatchSink[] = [];

  it('delivers to the only subscription, and settles the lane', () => {
    const who = join();
    publish(1, 2);
    expect(walk.serveAlone(topic.lane, later, 0)).toBe(true);
    expect(data(who)).toEqual([1, 2]);
    expect(who.subscription.cursor).toBe(2);
    expect(topic.log.first).toBe(3);
    expect([who.sink.writes, later]).toEqual([1, []]);
    expect(walk.serveAlone(topic.lane, later, 0)).toBe(true);
    expect(who.sink.batches).toHaveLength(1);
  });

  it('leaves a connection with other topics to be written later', () => {
    const who = join();
    who.sink.subscriptionCount = 2;
    publish(1);
    walk.serveAlone(topic.lane, later, 0);
    expect([who.sink.writes, later.splice(0)]).toEqual([0, [who.sink]]);
  });

  it('defers a subscription whose socket has no room, with its cursor where it is', () => {
    const who = join();
    who.sink.room = 0;
    publish(1);
    expect(walk.serveAlone(topic.lane, later, 0)).toBe(true);
    expect([deferred, passed]).toEqual([[who.subscription], [topic]]);
    expect(who.subscription.cursor).toBe(0);
    expect(pool.stats().inUse).toBe(0);
  });

  it('leaves other lanes alone: several subscriptions, none, and publications that exclude a connection', () => {
    publish(1);
    expect(walk.serveAlone(topic.lane, later, 0)).toBe(false);
    const who = join();
    append(topic, [2], { except: who.id });
    expect(walk.serveAlone(topic.lane, later, 0)).toBe(false);
    join();
    expect(walk.serveAlone(topic.lane, later, 0)).toBe(false);
    expect(who.sink.batches).toEqual([]);
  });
});
