import { describe, expect, it, vi } from 'vitest';
import { NO_PRESSURE, pressureOf } from '../../../lib/broadcast/pressure.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { subscriber } from '../../support/unit/subscribers.js';
import { append, payloadOf, retentionOf, topicOf } from '../../support/unit/topics.js';

function behind(topic: Topic): Subscription {
  const subscription = new Subscription(topic, subscriber());
  topic.replay(subscription);
  return subscription;
}

const flush = (topic: Topic): void => topic.lane.settle(topic.lane.beginFlush(), 0);

describe('pressureOf', () => {
  it('is none when nothing waits', () => {
    const topic = topicOf();
    expect(pressureOf(topic, 9)).toEqual(NO_PRESSURE);
    append(topic, [1]);
    flush(topic);
    expect(pressureOf(topic, 9)).toEqual(NO_PRESSURE);
  });

  it('counts what waits for the next flush, once whoever listens', () => {
    const topic = topicOf();
    for (let i = 0; i < 3; i++) topic.activate(new Subscription(topic, subscriber()));
    append(topic, [payloadOf(100)], { at: 5 });
    append(topic, [payloadOf(10)], { at: 7 });
    expect(pressureOf(topic, 9)).toEqual({ slow: 0, queuedBytes: 110, oldestMs: 4 });
  });

  it('counts for each slow subscription what it has not been sent', () => {
    const topic = topicOf();
    behind(topic);
    append(topic, [payloadOf(100)], { at: 5 });
    behind(topic);
    append(topic, [payloadOf(10)], { at: 7 });
    flush(topic);
    expect(pressureOf(topic, 9)).toEqual({ slow: 2, queuedBytes: 120, oldestMs: 4 });
    append(topic, [payloadOf(3)], { at: 8 });
    expect(pressureOf(topic, 9)).toEqual({ slow: 2, queuedBytes: 129, oldestMs: 4 });
  });

  it('does not count what is kept no longer', () => {
    const topic = topicOf('t', {}, retentionOf(50));
    behind(topic);
    append(topic, [payloadOf(100)], { at: 5 });
    append(topic, [payloadOf(40)], { at: 7 });
    flush(topic);
    expect(pressureOf(topic, 9)).toEqual({ slow: 1, queuedBytes: 40, oldestMs: 2 });
  });

  it('counts the newest of each key on a topic that conflates, whose log is dropped whoever is behind', () => {
    const topic = topicOf('t', { conflate: true });
    behind(topic);
    for (const [at, key] of ['a', 'b', 'a'].entries()) append(topic, [payloadOf(10)], { key, at });
    const waiting = { slow: 1, queuedBytes: 20, oldestMs: 8 };
    expect(pressureOf(topic, 9)).toEqual({ ...waiting, queuedBytes: 40 });
    flush(topic);
    expect(topic.log.first).toBe(4);
    expect(pressureOf(topic, 9)).toEqual(waiting);
  });

  it('looks once at what a topic that conflates keeps, however many are behind', () => {
    const topic = topicOf('t', { conflate: true });
    const looks = vi.spyOn(topic.latest!, 'range');
    for (let i = 0; i < 5; i++) {
      behind(topic);
      append(topic, [payloadOf(10)], { key: `${i}`, at: i });
    }
    flush(topic);
    expect(pressureOf(topic, 9)).toEqual({ slow: 5, queuedBytes: 150, oldestMs: 9 });
    append(topic, [payloadOf(7)], { key: '0', at: 5 });
    // The key's first value is queued for nobody any more; the new one for the five, and for the next flush.
    expect(pressureOf(topic, 9)).toEqual({ slow: 5, queuedBytes: 140 + 7 * 6, oldestMs: 8 });
    expect(looks).toHaveBeenCalledTimes(2);
  });

  it('is never negative, though clocks are read in whole milliseconds', () => {
    const topic = topicOf();
    append(topic, [1], { at: 5 });
    expect(pressureOf(topic, 4.5).oldestMs).toBe(0);
  });
});
