import { beforeEach, describe, expect, it } from 'vitest';
import { LogSegments } from '../../../lib/broadcast/log-segments.js';
import { UnsentBatches } from '../../../lib/broadcast/unsent-batches.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { plainJson } from '../../../lib/wire/json-format.js';
import { parseFrames } from '../support/frames.js';
import { HandClock } from '../support/hand-clock.js';
import { subscriber } from '../support/subscribers.js';
import { append, payloadOf, topicOf } from '../support/topics.js';

/** Publications that are encoded together. */
const SEGMENT = 64;

const LINGER = 1000;

let clock: HandClock;
let unsent: UnsentBatches;
let segments: LogSegments;

beforeEach(() => {
  clock = new HandClock();
  unsent = new UnsentBatches();
  segments = new LogSegments(unsent, clock);
});

function at(topic: Topic, cursor: number, id?: string): Subscription {
  const subscription = new Subscription(topic, { ...subscriber(plainJson), ...(id && { id }) });
  subscription.cursor = cursor;
  return subscription;
}

function published(count: number, options: TopicOptions = {}, bytes = 100): Topic {
  const topic = topicOf('t', options);
  append(topic, Array<string>(count).fill(payloadOf(bytes)), { key: 'k' });
  return topic;
}

/** Everything that follows a cursor, as its client reads it; pieces of at most `limit` bytes. */
function read(subscription: Subscription, to = subscription.topic.log.head, limit = 65_536): unknown[] {
  const frames: unknown[] = [];
  while (subscription.cursor < to) {
    const part = segments.after(subscription, to, limit);
    if (part === undefined) break;
    expect(part.cursor).toBeGreaterThan(subscription.cursor);
    const bytes = Buffer.concat(part.batch.buffers);
    const parsed = parseFrames(bytes);
    if (parsed.length > 1) expect(bytes.length).toBeLessThanOrEqual(limit);
    for (const { payload } of parsed) frames.push(shown(JSON.parse(String(payload))));
    subscription.cursor = part.cursor;
    part.batch.release();
  }
  return frames;
}

function shown(frame: any): unknown {
  return frame.event === 'gap' ? [frame.data.from, frame.data.to, frame.data.reason] : frame.offset;
}

const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('LogSegments', () => {
  it('encodes each stretch of a log once, however many come back at once and wherever they stand', () => {
    const topic = published(10 * SEGMENT);
    for (let i = 0; i < 1000; i++) {
      const cursor = (i * 37) % topic.log.head;
      expect(read(at(topic, cursor))).toEqual(upTo(cursor + 1, topic.log.head));
    }
    expect(segments.encoded).toBe(10);
  });

  it('gives pieces of whole frames within a limit, and one frame at least', () => {
    const topic = published(50);
    for (const limit of [1, 200, 1000, 1e6]) expect(read(at(topic, 3), 50, limit)).toEqual(upTo(4, 50));
    expect(segments.encoded).toBe(1);
  });

  it('ends where it is told to', () => {
    const topic = published(10);
    expect(read(at(topic, 2), 6)).toEqual([3, 4, 5, 6]);
  });

  it('encodes a stretch that has grown anew for those who have come to its end, and for nobody else', () => {
    const topic = published(10);
    const early = at(topic, 0);
    read(early);
    append(topic, [1, 2, 3]);
    read(at(topic, 5), 10);
    expect(segments.encoded).toBe(1);
    expect(read(early)).toEqual([11, 12, 13]);
    expect(read(at(topic, 8))).toEqual([9, 10, 11, 12, 13]);
    expect(segments.encoded).toBe(2);
  });

  it('keeps topics apart', () => {
    const [one, other] = [published(3), topicOf('other')];
    Object.assign(other.log, { epoch: 'f' });
    append(other, ['x', 'y']);
    expect([read(at(one, 0)), read(at(other, 0))]).toEqual([
      [1, 2, 3],
      [1, 2],
    ]);
  });

  it('puts a gap in the place of what is not for its reader, without encoding anything for it', () => {
    const topic = published(2);
    append(topic, [1, 2], { except: 'eve' });
    append(topic, [3]);
    expect(read(at(topic, 0, 'eve'))).toEqual([1, 2, [3, 4, 'except'], 5]);
    expect(read(at(topic, 3, 'eve'))).toEqual([[4, 4, 'except'], 5]);
    expect(read(at(topic, 0))).toEqual([1, 2, 3, 4, 5]);
    expect(segments.encoded).toBe(1);
  });

  it('puts a gap in the place of what has expired, and keeps nothing that may expire later', () => {
    const topic = published(1);
    append(topic, [1, 2], { expires: 500 });
    append(topic, [3]);
    expect(read(at(topic, 0))).toEqual([1, 2, 3, 4]);
    clock.time = 500;
    expect(read(at(topic, 0))).toEqual([1, [2, 3, 'expired'], 4]);
    expect([segments.encoded, clock.timers]).toEqual([2, 0]);
  });

  it('gives the newest of each key of a topic that conflates, once for all who go to the same end', () => {
    const topic = topicOf('t', { conflate: true });
    for (const key of 'abcab') append(topic, [1], { key });
    expect([read(at(topic, 0)), read(at(topic, 3)), read(at(topic, 4))]).toEqual([[3, 4, 5], [4, 5], [5]]);
    expect(segments.encoded).toBe(1);
    append(topic, [1], { key: 'c' });
    expect(read(at(topic, 0))).toEqual([4, 5, 6]);
    expect(segments.encoded).toBe(2);
  });

  it('gives nothing beyond where its reader goes, though another one went further', () => {
    const topic = topicOf('t', { conflate: true });
    for (const key of 'abcd') append(topic, [1], { key });
    expect(read(at(topic, 0))).toEqual([1, 2, 3, 4]);
    expect(read(at(topic, 0), 2)).toEqual([1, 2]);
  });

  it('is undefined when the rest was conflated away', () => {
    const topic = topicOf('t', { conflate: true });
    for (const key of 'aba') append(topic, [1], { key });
    expect(segments.after(at(topic, 2), 2, 65_536)).toBeUndefined();
    expect(read(at(topic, 0), 2)).toEqual([2]);
  });

  describe('memory', () => {
    it('is kept for those still to come as long as somebody comes every second, and then let go of', () => {
      const topic = published(10);
      read(at(topic, 0));
      for (let i = 0; i < 5; i++) {
        clock.advance(LINGER);
        read(at(topic, 5));
      }
      expect(segments.encoded).toBe(1);
      clock.advance(2 * LINGER);
      expect(clock.timers).toBe(0);
      read(at(topic, 5));
      expect(segments.encoded).toBe(2);
    });

    it('stays readable for those who have a part of it, though nobody else may come', () => {
      const topic = published(10);
      const part = segments.after(at(topic, 4), 10, 65_536)!;
      const before = Buffer.concat(part.batch.buffers);
      clock.advance(3 * LINGER);
      append(topic, [1]);
      read(at(topic, 10));
      expect(Buffer.concat(part.batch.buffers)).toEqual(before);
      part.batch.release();
    });

    it('is no more than 8 MiB for those to come: what is more is encoded for each', () => {
      const topic = published(4 * SEGMENT, {}, 40_000);
      for (let i = 0; i < 2; i++) expect(read(at(topic, 0))).toEqual(upTo(1, 4 * SEGMENT));
      // Three segments of 2.5 MB are kept. The fourth has to be made anew at each of its 40 pieces, of one frame or more.
      expect(segments.encoded).toBeGreaterThan(5);
      const before = segments.encoded;
      read(at(topic, 0), 3 * SEGMENT);
      expect(segments.encoded).toBe(before);
    });

    it('is given back as others take its place', () => {
      const topic = published(3 * SEGMENT, {}, 40_000);
      read(at(topic, 0));
      clock.advance(2 * LINGER);
      const before = segments.encoded;
      read(at(topic, 0));
      read(at(topic, 0));
      expect(segments.encoded).toBe(before + 3);
    });

    it('is given back as a stretch is encoded anew because it has grown', () => {
      const topic = topicOf();
      const reader = at(topic, 0);
      for (let i = 0; i < SEGMENT; i++) {
        append(topic, [payloadOf(40_000)]);
        read(reader);
      }
      const before = segments.encoded;
      for (let i = 0; i < 3; i++) read(at(topic, 0));
      expect(segments.encoded).toBe(before);
    });

    it('of parts counts as unsent until their last holder lets go', async () => {
      const topic = published(10);
      const parts = [segments.after(at(topic, 0), 10, 65_536)!, segments.after(at(topic, 5), 10, 65_536)!];
      let sent = false;
      const all = unsent.sent().then(() => (sent = true));
      parts[0]!.batch.release();
      await Promise.resolve();
      expect(sent).toBe(false);
      parts[1]!.batch.release();
      await all;
    });

    it('is counted once as pinned, whoever lags with a part of it', () => {
      const topic = published(10);
      const [one, other] = [at(topic, 0), at(topic, 5)].map(who => segments.after(who, 10, 65_536)!.batch);
      const pinned = one!.pin();
      expect(pinned).toBeGreaterThanOrEqual(1000);
      expect(other!.pin()).toBe(0);
      expect(one!.unpin()).toBe(0);
      expect(other!.unpin()).toBe(pinned);
    });
  });

  describe('#stop', () => {
    it('lets go of everything, and leaves no timer', () => {
      const topic = published(10);
      read(at(topic, 0));
      segments.stop();
      expect(clock.timers).toBe(0);
      read(at(topic, 0));
      expect(segments.encoded).toBe(2);
    });
  });
});
