import { beforeEach, describe, expect, it } from 'vitest';
import { FanOut } from '../../../lib/broadcast/fan-out.js';
import { TopicWalk } from '../../../lib/broadcast/topic-walk.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import { Topic } from '../../../lib/topic/topic.js';
import { batchedJson, deflated, plainJson } from '../../../lib/wire/json-format.js';
import { entriesOf } from '../support/entries.js';
import { messagesIn } from '../support/frames.js';
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
  for (const { json, bytes } of entriesOf(values)) topic.append(json, bytes);
}

/** A flush of the topic. */
function deliver(): void {
  walk.begin(topic);
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

  describe('with compression', () => {
    const plain = deflated(plainJson);
    const batched = deflated(batchedJson);
    const LONG = 'x'.repeat(300);

    beforeEach(() => {
      fanOut = new FanOut(pool, { threshold: 200, level: 6 });
      walk = new TopicWalk(fanOut.encode, () => 0);
    });

    function messages(who: HandSubscriber): { text: string; deflated: boolean }[] {
      return messagesIn(Buffer.concat(who.sink.batches.flatMap(({ buffers }) => buffers)));
    }

    it('compresses once for each format, and shares that among all who take it', () => {
      const formats = [plain, batched, plainJson, batchedJson];
      const all = [...formats, ...formats, ...formats].map(format => join(subscriber(format)));
      publish(LONG, 2, LONG);
      deliver();
      const distinct = new Set(all.map(({ sink }) => sink.batches[0]));
      expect(distinct.size).toBe(4);
      expect(messages(all[0]!).map(each => each.deflated)).toEqual([true, false, true]);
      expect(messages(all[1]!).map(each => each.deflated)).toEqual([true]);
      for (const uncompressed of [all[2]!, all[3]!]) expect(data(uncompressed)).toEqual([LONG, 2, LONG]);
      expect(pool.stats().inUse).toBe(4);
      for (const { sink } of all) sink.release();
      expect(pool.stats().inUse).toBe(0);
    });

    it('compresses nothing that one subscriber catches up on or ends with', () => {
      const waiting = subscriber(batched);
      const subscription = new Subscription(topic, waiting);
      topic.held.add(subscription);
      publish(LONG, LONG);
      deliver();
      topic.activate(subscription);
      fanOut.catchUp(subscription);
      expect(data(waiting)).toEqual([LONG, LONG]);
      publish(LONG);
      fanOut.finish(subscription);
      expect(data(waiting)).toEqual([LONG, LONG, LONG]);
    });

    it('compresses four batches of a topic at most, however many joined each at another publication', () => {
      const all = [1, 2, 3, 4, 5, 6, 7].map(value => {
        const one = join(subscriber(batched));
        publish(`${LONG}${value}`);
        return one;
      });
      deliver();
      expect(all.map(one => messages(one).map(each => each.deflated))).toEqual([
        ...[1, 2, 3, 4].map(() => [true]),
        ...[5, 6, 7].map(() => [false]),
      ]);
      expect(all.map(one => messages(one)[0]!.text.split(LONG).length - 1)).toEqual([7, 6, 5, 4, 3, 2, 1]);
      publish(LONG);
      deliver();
      for (const { sink } of all) expect(sink.batches[1]).toBe(all[0]!.sink.batches[1]);
    });

    it('compresses nothing for those who are left out of a part of it', () => {
      const everybody = join(subscriber(batched));
      const eve = join({ ...subscriber(batched), id: 'eve' });
      topic.append(JSON.stringify(LONG), LONG.length, 'eve');
      publish(LONG);
      deliver();
      expect(data(eve)).toEqual([LONG]);
      expect(messages(everybody).map(each => each.deflated)).toEqual([true]);
    });

    it('keeps those waiting who want to know when all is sent', async () => {
      const one = join(subscriber(plain));
      publish(LONG, 2);
      deliver();
      let sent = false;
      const all = fanOut.sent().then(() => (sent = true));
      await Promise.resolve();
      expect(sent).toBe(false);
      one.sink.release();
      await all;
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
