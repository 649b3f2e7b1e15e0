import { beforeEach, describe, expect, it } from 'vitest';
import { FanOut } from '../../../lib/broadcast/fan-out.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Subscription, Topic } from '../../../lib/topic/topic.js';
import { batchedJson, plainJson } from '../../../lib/wire/json-format.js';
import { type HandSubscriber, subscriber } from '../support/subscribers.js';

let pool: BufferPool;
let fanOut: FanOut;
let topic: Topic;

beforeEach(() => {
  pool = new BufferPool();
  fanOut = new FanOut(pool);
  topic = new Topic('t', 'e', { size: 0 });
});

function join(who: HandSubscriber = subscriber()): HandSubscriber {
  topic.activate(new Subscription(topic, who));
  return who;
}

function publish(...values: unknown[]): void {
  for (const value of values) topic.append(JSON.stringify(value), 1);
}

function deliver(): HandSubscriber['sink'][] {
  const touched: HandSubscriber['sink'][] = [];
  fanOut.deliver(topic, touched as never);
  return touched;
}

const data = (who: HandSubscriber): unknown[] => who.sink.publications.map(publication => publication.data);

describe('FanOut', () => {
  describe('#deliver', () => {
    it('hands everybody the same batch of a format, a reference and not a copy', () => {
      const [a, b, c] = [join(), join(), join(subscriber(batchedJson))];
      publish(1, 2);
      deliver();
      expect(a.sink.batches[0]).toBe(b.sink.batches[0]);
      expect(c.sink.batches[0]).not.toBe(a.sink.batches[0]);
      expect(pool.stats().taken).toBe(2);
      expect([a, b, c].map(data)).toEqual([
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
      deliver();
      publish(3);
      deliver();
      expect(data(first)).toEqual([1, 2, 3]);
      expect(data(second)).toEqual([2, 3]);
    });

    it('names only the sinks that were empty, so that each is written to once', () => {
      const [a, b] = [join(), join()];
      publish(1);
      expect(new Set(deliver())).toEqual(new Set([a.sink, b.sink]));
      publish(2);
      expect(deliver()).toEqual([]);
    });

    it('begins with another subscriber each time', () => {
      const all = [join(), join(), join()];
      const firsts = Array.from({ length: 4 }, () => {
        publish(1);
        const [first] = deliver();
        for (const { sink } of all) sink.release();
        return all.findIndex(({ sink }) => sink === first);
      });
      expect(firsts).toEqual([0, 1, 2, 0]);
    });

    it('keeps the slabs out until the last sink lets go, and sends them home then', () => {
      const [a, b] = [join(), join()];
      publish(1);
      deliver();
      a.sink.release();
      expect(pool.stats().inUse).toBe(1);
      b.sink.release();
      expect(pool.stats().inUse).toBe(0);
    });

    it('keeps nothing out when every sink refuses, and forgets what was delivered', () => {
      const refusing = join();
      refusing.sink.add = () => false;
      publish(1);
      deliver();
      expect(pool.stats()).toMatchObject({ taken: 1, inUse: 0 });
      expect(topic).toMatchObject({ flushed: 1, pendingBytes: 0 });
      expect(topic.log.first).toBe(2);
    });

    it('encodes nothing without subscribers', () => {
      publish(1);
      expect(deliver()).toEqual([]);
      expect(pool.stats().taken).toBe(0);
      expect(topic.flushed).toBe(1);
    });

    it('delivers nothing to a held subscription', () => {
      const waiting = subscriber();
      topic.held.add(new Subscription(topic, waiting));
      publish(1);
      deliver();
      expect(waiting.sink.batches).toEqual([]);
    });
  });

  describe('#catchUp', () => {
    function activate(who: HandSubscriber): Subscription {
      const subscription = new Subscription(topic, who);
      topic.held.add(subscription);
      return subscription;
    }

    it('gives what was flushed while it was held, and the next flush gives the rest', () => {
      publish(1);
      const who = subscriber();
      const subscription = activate(who);
      publish(2, 3);
      deliver();
      publish(4);
      topic.activate(subscription);
      fanOut.catchUp(subscription);
      expect(data(who)).toEqual([2, 3]);
      publish(5);
      deliver();
      expect(data(who)).toEqual([2, 3, 4, 5]);
    });

    it('gives nothing when nothing was flushed, and keeps the cursor', () => {
      publish(1, 2);
      const subscription = activate(subscriber());
      topic.activate(subscription);
      fanOut.catchUp(subscription);
      expect(subscription.cursor).toBe(2);
      expect(pool.stats().taken).toBe(0);
    });

    it('leaves out what is not for it, and its slabs come home', () => {
      const who = { ...subscriber(plainJson), id: 'eve' };
      const subscription = activate(who);
      topic.append('1', 1, 'eve');
      topic.append('2', 1);
      deliver();
      topic.activate(subscription);
      fanOut.catchUp(subscription);
      expect(data(who)).toEqual([2]);
      who.sink.release();
      expect(pool.stats().inUse).toBe(0);
    });
  });

  describe('#sent', () => {
    it('resolves at once when nothing is out', async () => {
      await expect(fanOut.sent()).resolves.toBeUndefined();
    });

    it('resolves when what is out now has left, and does not wait for what comes later', async () => {
      const [a, b] = [join(), join()];
      const done: string[] = [];
      publish(1);
      deliver();
      const first = [...a.sink.batches];
      void fanOut.sent().then(() => done.push('first'));
      publish(2);
      deliver();
      const all = fanOut.sent().then(() => done.push('all'));
      first[0]!.release();
      await Promise.resolve();
      expect(done).toEqual([]);
      first[0]!.release();
      await Promise.resolve();
      expect(done).toEqual(['first']);
      for (const { sink } of [a, b]) sink.batches.at(-1)!.release();
      await all;
      expect(done).toEqual(['first', 'all']);
    });
  });
});
