import { beforeEach, describe, expect, it } from 'vitest';
import { type Encode, TopicBatches } from '../../../lib/broadcast/topic-batches.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { Batch } from '../../../lib/wire/batch.js';
import { batchedJson, plainJson } from '../../../lib/protocol/json-formats.js';
import type { WireFormat } from '../../../lib/wire/wire-format.js';
import { parseFrames, publicationsIn } from '../../support/unit/frames.js';
import { subscriber } from '../../support/unit/subscribers.js';
import { append, topicOf } from '../../support/unit/topics.js';

let topic: Topic;
let made: { format: WireFormat; offsets: number[]; sent: boolean; batch: Batch }[];

const encode: Encode = (format, name, publications) => {
  const buffer = Buffer.alloc(format.size(name, publications));
  format.write(buffer, 0, name, publications);
  const batch = new Batch([buffer], undefined, () => (one.sent = true));
  const one = { format, offsets: publications.map(({ offset }) => offset), sent: false, batch };
  made.push(one);
  return batch;
};

function at(cursor: number, format: WireFormat = plainJson, id?: string): Subscription {
  const subscription = new Subscription(topic, { ...subscriber(format), ...(id && { id }) });
  subscription.rewind(cursor);
  return subscription;
}

function opened(from: number, to: number): TopicBatches {
  const batches = new TopicBatches(encode, () => 0);
  batches.open(topic.lane, from, to, 0);
  return batches;
}

function offsetsIn(batch: Batch): number[] {
  return publicationsIn(Buffer.concat(batch.buffers)).map(({ offset }) => offset);
}

beforeEach(() => {
  topic = topicOf();
  made = [];
  for (const except of [undefined, undefined, 'eve', undefined, 'eve']) append(topic, [1], { except });
});

describe('TopicBatches', () => {
  describe('#for', () => {
    it('encodes nothing until somebody asks', () => {
      opened(0, 5).close();
      expect(made).toEqual([]);
    });

    it('encodes once for each format and cursor, in whatever order they ask', () => {
      const batches = opened(0, 5);
      const askers = [
        at(0),
        at(3),
        at(0, batchedJson),
        at(0),
        at(3),
        at(3, batchedJson),
        at(0, batchedJson),
        at(0),
      ];
      const given = askers.map(asker => batches.for(asker));
      expect(made.map(({ format, offsets }) => [format, offsets])).toEqual([
        [plainJson, [1, 2, 3, 4, 5]],
        [plainJson, [4, 5]],
        [batchedJson, [1, 2, 3, 4, 5]],
        [batchedJson, [4, 5]],
      ]);
      expect(given.map(batch => made.findIndex(one => one.batch === batch))).toEqual([
        0, 1, 2, 0, 1, 3, 2, 0,
      ]);
    });

    it('has nothing for who has everything', () => {
      const batches = opened(0, 3);
      expect(batches.for(at(3))).toBeUndefined();
      expect(batches.for(at(5))).toBeUndefined();
      expect(made).toEqual([]);
    });

    it('ends with the last publication of the flush', () => {
      opened(0, 3).for(at(1));
      expect(made[0]!.offsets).toEqual([2, 3]);
    });

    it('leaves publications out for the one they are not for, and for nobody else', () => {
      const batches = opened(0, 5);
      const shared = batches.for(at(0));
      const without = batches.for(at(0, plainJson, 'eve'))!;
      expect(offsetsIn(without)).toEqual([1, 2, 4]);
      expect(offsetsIn(shared!)).toEqual([1, 2, 3, 4, 5]);
      expect(batches.for(at(0))).toBe(shared);
    });

    it('encodes nothing anew for those it leaves out: they get views of the shared frames', () => {
      for (const id of ['ann', 'bob']) append(topic, [1], { except: id });
      const batches = opened(0, 7);
      const given = ['eve', 'ann', 'bob'].map(id => offsetsIn(batches.for(at(0, plainJson, id))!));
      expect(given).toEqual([
        [1, 2, 4, 6, 7],
        [1, 2, 3, 4, 5, 7],
        [1, 2, 3, 4, 5, 6],
      ]);
      expect(made).toHaveLength(1);
    });

    it('has a gap for who is left out of everything new', () => {
      const { buffers } = opened(4, 5).for(at(4, plainJson, 'eve'))!;
      const [text, ...others] = parseFrames(Buffer.concat(buffers)).map(({ payload }) => payload.toString());
      expect(JSON.parse(text!)).toEqual({
        event: 'gap',
        data: { topic: 't', from: 5, to: 5, position: 'e:5', reason: 'except' },
      });
      expect(others).toEqual([]);
    });
  });

  describe('#close', () => {
    it('lets go of every batch it made, once', () => {
      const batches = opened(0, 5);
      for (const asker of [at(0), at(2), at(0, batchedJson), at(0, plainJson, 'eve')]) batches.for(asker);
      expect(made.map(({ sent }) => sent)).toEqual([false, false, false]);
      made[1]!.batch.retain();
      batches.close();
      expect(made.map(({ sent }) => sent)).toEqual([true, false, true]);
    });

    it('comes with turning to another topic or offset, of which nothing old is given then', () => {
      const batches = opened(0, 3);
      batches.for(at(0));
      batches.for(at(0, plainJson, 'eve'));
      batches.open(topic.lane, 0, 5, 0);
      expect(made.map(({ sent }) => sent)).toEqual([true]);
      expect(offsetsIn(batches.for(at(0))!)).toEqual([1, 2, 3, 4, 5]);
      expect(offsetsIn(batches.for(at(0, plainJson, 'eve'))!)).toEqual([1, 2, 4]);
    });

    it('leaves the shared frames to those that still read a part of them', () => {
      const batches = opened(0, 5);
      const without = batches.for(at(0, plainJson, 'eve'))!;
      without.retain();
      batches.close();
      expect(made[0]!.sent).toBe(false);
      without.release();
      expect(made[0]!.sent).toBe(true);
    });
  });
});
