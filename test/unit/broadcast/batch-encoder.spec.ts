import { beforeEach, describe, expect, it } from 'vitest';
import { BatchEncoder } from '../../../lib/broadcast/topic-batches.js';
import { TopicWalk } from '../../../lib/broadcast/flush-walk.js';
import { UnsentBatches } from '../../../lib/wire/batch.js';
import { Counters } from '../../../lib/observe/counters.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { batchedJson, plainJson } from '../../../lib/protocol/json-formats.js';
import { deflated } from '../../../lib/wire/wire-format.js';
import { messagesIn } from '../../support/unit/frames.js';
import { type HandSubscriber, subscriber } from '../../support/unit/subscribers.js';
import { append, topicOf } from '../../support/unit/topics.js';

let pool: BufferPool;
let unsent: UnsentBatches;
let fanOut: BatchEncoder;
let walk: TopicWalk;
let topic: Topic;

beforeEach(() => {
  pool = new BufferPool();
  unsent = new UnsentBatches();
  fanOut = new BatchEncoder(pool, unsent, new Counters(), () => 0);
  walk = new TopicWalk(fanOut.encode, () => 0, NO_STRAGGLERS);
  topic = topicOf();
});

const NO_STRAGGLERS = { defer: () => expect.unreachable('a sink without room'), passed: () => {} };

function join(who: HandSubscriber = subscriber()): HandSubscriber {
  topic.activate(new Subscription(topic, who));
  return who;
}

function publish(...values: unknown[]): void {
  append(topic, values);
}

/** A flush of the topic. */
function deliver(): void {
  walk.begin(topic.lane, 0);
  walk.step(Infinity, []);
}

const data = (who: HandSubscriber): unknown[] => who.sink.publications.map(publication => publication.data);

describe('BatchEncoder', () => {
  describe('#finish', () => {
    it('gives what no flush has handed out yet, for the write that is to come', () => {
      const who = subscriber();
      const subscription = new Subscription(topic, who);
      topic.activate(subscription);
      publish(1);
      deliver();
      publish(2, 3);
      fanOut.finish(subscription);
      expect(data(who)).toEqual([1, 2, 3]);
      expect(who.sink.writes).toBe(0);
      publish(4);
      deliver();
      expect(data(who)).toEqual([1, 2, 3, 4]);
    });

    it('gives nothing when nothing is new', () => {
      publish(1, 2);
      const subscription = new Subscription(topic, subscriber());
      fanOut.finish(subscription);
      expect(subscription.cursor).toBe(2);
      expect(pool.stats().taken).toBe(0);
    });

    it('leaves out what is not for it, and its slabs come home', () => {
      const who = { ...subscriber(plainJson), id: 'eve' };
      const subscription = new Subscription(topic, who);
      append(topic, [1], { except: 'eve' });
      append(topic, [2]);
      fanOut.finish(subscription);
      expect(data(who)).toEqual([2]);
      who.sink.release();
      expect(pool.stats().inUse).toBe(0);
    });

    it('leaves the walk that is under way alone', () => {
      const [one, other] = [join(), join()];
      publish(1);
      walk.begin(topic.lane, 0);
      one.sink.onWrite = () => fanOut.finish(other.subscriptions.get('t')!);
      other.subscriptions.set('t', topic.lane.subscriptions[1]!);
      walk.step(Infinity, undefined);
      expect([data(one), data(other)]).toEqual([[1], [1]]);
    });
  });

  describe('with compression', () => {
    const plain = deflated(plainJson);
    const batched = deflated(batchedJson);
    const LONG = 'x'.repeat(300);

    beforeEach(() => {
      fanOut = new BatchEncoder(pool, unsent, new Counters(), () => 0, { threshold: 200, level: 6 });
      walk = new TopicWalk(fanOut.encode, () => 0, NO_STRAGGLERS);
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

    it('compresses nothing that one subscriber ends with', () => {
      const ending = subscriber(batched);
      const subscription = new Subscription(topic, ending);
      publish(LONG, LONG);
      fanOut.finish(subscription);
      expect(data(ending)).toEqual([LONG, LONG]);
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
      append(topic, [LONG], { except: 'eve' });
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
      const all = unsent.sent().then(() => (sent = true));
      await Promise.resolve();
      expect(sent).toBe(false);
      one.sink.release();
      await all;
      expect(pool.stats().inUse).toBe(0);
    });
  });

  it('counts its batches until they are sent', async () => {
    const who = join();
    publish(1);
    deliver();
    publish(2);
    fanOut.finish(topic.lane.subscriptions[0]!);
    const done: string[] = [];
    const all = unsent.sent().then(() => done.push('all'));
    who.sink.batches[0]!.release();
    await Promise.resolve();
    expect(done).toEqual([]);
    who.sink.batches[1]!.release();
    await all;
    expect(done).toEqual(['all']);
  });
});
