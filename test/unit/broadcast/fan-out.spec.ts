import { beforeEach, describe, expect, it } from 'vitest';
import { FanOut } from '../../../lib/broadcast/fan-out.js';
import { TopicWalk } from '../../../lib/broadcast/topic-walk.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Subscription, Topic } from '../../../lib/topic/topic.js';
import { plainJson } from '../../../lib/wire/json-format.js';
import { type HandSubscriber, subscriber } from '../support/subscribers.js';

let pool: BufferPool;
let fanOut: FanOut;
let walk: TopicWalk;
let topic: Topic;

beforeEach(() => {
  pool = new BufferPool();
  fanOut = new FanOut(pool);
  walk = new TopicWalk(fanOut.encode, () => 0);
  topic = new Topic('t', 'e', { size: 0 });
});

function join(who: HandSubscriber = subscriber()): HandSubscriber {
  topic.activate(new Subscription(topic, who));
  return who;
}

function publish(...values: unknown[]): void {
  for (const value of values) topic.append(JSON.stringify(value), 1);
}

/** A flush of the topic. */
function deliver(): void {
  walk.begin(topic, 0);
  walk.step(Infinity, []);
}

const data = (who: HandSubscriber): unknown[] => who.sink.publications.map(publication => publication.data);

describe('FanOut', () => {
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
