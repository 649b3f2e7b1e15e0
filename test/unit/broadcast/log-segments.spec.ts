import { beforeEach, describe, expect, it } from 'vitest';
import { LogSegments } from '../../../lib/broadcast/log-segments.js';
import { UnsentBatches } from '../../../lib/wire/batch.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import { Counters } from '../../../lib/observe/counters.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { plainJson } from '../../../lib/protocol/json-formats.js';
import { parseFrames } from '../../support/unit/frames.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { subscriber } from '../../support/unit/subscribers.js';
import { append, payloadOf, topicOf } from '../../support/unit/topics.js';

/** Publications that are encoded together. */
const SEGMENT = 64;

/** Bytes that are encoded together. */
const STRETCH = 128 * 1024;

const LINGER = 1000;

let clock: HandClock;
let unsent: UnsentBatches;
let segments: LogSegments;

beforeEach(() => {
  clock = new HandClock();
  unsent = new UnsentBatches();
  segments = new LogSegments(unsent, new Counters(), clock);
});

function at(topic: Topic, cursor: number, id?: string): Subscription {
  const subscription = new Subscription(topic, { ...subscriber(plainJson), ...(id && { id }) });
  subscription.rewind(cursor);
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
    subscription.rewind(part.cursor);
    part.batch.release();
  }
  return frames;
}

/** Takes the next piece. */
function piece(subscription: Subscription): void {
  const part = segments.after(subscription, subscription.topic.log.head, 65_536)!;
  subscription.rewind(part.cursor);
  part.batch.release();
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
    other.moveTo('f', 0);
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

  it('encodes a history once for those who read it side by side, however long it is', () => {
    const topic = published(16 * SEGMENT, {}, 16_000);
    const readers = Array.from({ length: 50 }, () => at(topic, 0));
    while (readers[0]!.cursor < topic.log.head) for (const reader of readers) piece(reader);
    expect(readers.map(({ cursor }) => cursor)).toEqual(readers.map(() => topic.log.head));
    // 16 MB in stretches of 128 KiB, and where 64 publications end.
    expect(segments.encoded).toBeLessThan(16_384_000 / STRETCH + 17);
  });

  it('finds the same stretches whatever the log has dropped meanwhile', () => {
    const topic = published(SEGMENT, {}, 10_000);
    expect(read(at(topic, 0))).toEqual(upTo(1, SEGMENT));
    const { encoded } = segments;
    topic.log.dropBefore(20);
    for (const cursor of [19, 25, 50]) expect(read(at(topic, cursor))).toEqual(upTo(cursor + 1, SEGMENT));
    expect(segments.encoded).toBe(encoded);
  });

  it('gives all of what is larger than a stretch, and what stands next to it', () => {
    const topic = topicOf();
    for (const bytes of [10, 200_000, 300_000, 10, 131_072, 10]) append(topic, [payloadOf(bytes)]);
    for (let cursor = 0; cursor < 6; cursor++) expect(read(at(topic, cursor))).toEqual(upTo(cursor + 1, 6));
  });

  it('encodes what may expire once for all who come before it does', () => {
    const topic = published(2);
    append(topic, [1], { expires: 500 });
    append(topic, [2], { expires: 300 });
    for (let i = 0; i < 500; i++) expect(read(at(topic, i % 4), 4, 200)).toEqual(upTo((i % 4) + 1, 4));
    clock.time = 299;
    expect(read(at(topic, 0))).toEqual([1, 2, 3, 4]);
    expect(segments.encoded).toBe(1);
    clock.time = 300;
    for (let i = 0; i < 2; i++) expect(read(at(topic, 0))).toEqual([1, 2, 3, [4, 4, 'expired']]);
    expect(segments.encoded).toBe(2);
    clock.time = 500;
    for (let i = 0; i < 2; i++) expect(read(at(topic, 0))).toEqual([1, 2, [3, 4, 'expired']]);
    expect(segments.encoded).toBe(3);
  });

  it('gives nothing stale of a stretch though the log keeps nothing any more that may expire', () => {
    const topic = topicOf();
    append(topic, [1], { expires: 500 });
    append(topic, [2]);
    expect(read(at(topic, 0))).toEqual([1, 2]);
    topic.log.dropBefore(2);
    clock.time = 500;
    expect(read(at(topic, 1))).toEqual([2]);
    expect(segments.encoded).toBe(2);
  });

  it('encodes the newest of each key once until the first of them expires', () => {
    const topic = topicOf('t', { conflate: true });
    append(topic, [1], { key: 'a', expires: 500 });
    append(topic, [1], { key: 'b' });
    for (let i = 0; i < 3; i++) expect(read(at(topic, 0))).toEqual([1, 2]);
    expect(segments.encoded).toBe(1);
    clock.time = 500;
    for (let i = 0; i < 3; i++) expect(read(at(topic, 0))).toEqual([[1, 1, 'expired'], 2]);
    expect(segments.encoded).toBe(2);
  });

  it('puts a gap in the place of what has expired', () => {
    const topic = published(1);
    append(topic, [1, 2], { expires: 500 });
    append(topic, [3]);
    expect(read(at(topic, 0))).toEqual([1, 2, 3, 4]);
    clock.time = 500;
    expect(read(at(topic, 0))).toEqual([1, [2, 3, 'expired'], 4]);
    expect(segments.encoded).toBe(2);
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

    it('is no more than 8 MiB for those to come: what was used last stays', () => {
      const topic = published(4 * SEGMENT, {}, 40_000);
      expect(read(at(topic, 0))).toEqual(upTo(1, 4 * SEGMENT));
      const before = segments.encoded;
      read(at(topic, SEGMENT));
      expect(segments.encoded).toBe(before);
      read(at(topic, 0), 3);
      expect(segments.encoded).toBe(before + 1);
      // Those who read it piece by piece in turn do not drive out what each needs next.
      read(at(topic, 0), SEGMENT);
      expect(segments.encoded).toBeLessThan(before + SEGMENT / 2);
    });

    it('goes to what is used before what is not', () => {
      const topic = published(4 * SEGMENT, {}, 40_000);
      for (let to = 3; to <= topic.log.head; to += 3) {
        read(at(topic, to - 3), to);
        read(at(topic, 0), 3);
      }
      const before = segments.encoded;
      read(at(topic, 0), 3);
      expect(segments.encoded).toBe(before);
      read(at(topic, 4), 10);
      expect(segments.encoded).toBeGreaterThan(before);
    });

    it('has room for one stretch that is larger than all of it, as long as no other is read', () => {
      const topic = topicOf();
      append(topic, [payloadOf(9_000_000), 1]);
      for (let i = 0; i < 3; i++) expect(read(at(topic, 0), 1)).toEqual([1]);
      expect(segments.encoded).toBe(1);
      read(at(topic, 1));
      read(at(topic, 1));
      expect(segments.encoded).toBe(2);
      read(at(topic, 0), 1);
      expect(segments.encoded).toBe(3);
    });

    it('is given back as others take its place', () => {
      const topic = published(3 * SEGMENT, {}, 40_000);
      read(at(topic, 0));
      const { encoded } = segments;
      clock.advance(2 * LINGER);
      read(at(topic, 0));
      read(at(topic, 0));
      expect(segments.encoded).toBe(2 * encoded);
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

    it('is counted once as pinned though it may expire', () => {
      const topic = topicOf();
      append(topic, [1, 2], { expires: 500 });
      const [one, other] = [0, 1].map(cursor => segments.after(at(topic, cursor), 2, 65_536)!.batch);
      expect(one!.pin()).toBeGreaterThan(0);
      expect(other!.pin()).toBe(0);
    });

    it('that one piece holds is little more than 128 KiB, however long the history is', () => {
      const topic = published(SEGMENT, {}, 40_000);
      const { batch } = segments.after(at(topic, 30), SEGMENT, 100)!;
      expect(batch.pin()).toBeLessThan(STRETCH + 41_000);
      batch.release();
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
