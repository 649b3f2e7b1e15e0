import { describe, expect, it } from 'vitest';
import { missedIn, newIn } from '../../../lib/broadcast/topic-batches.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import type { LogEntry } from '../../../lib/wire/log-entry.js';
import { subscriber } from '../../support/unit/subscribers.js';
import { append, retentionOf, topicOf } from '../../support/unit/topics.js';

/** A topic with publications of these keys; those in capitals expire at 10. */
function topicWith(keys: string, options: TopicOptions = {}, limit?: number): Topic {
  const topic = topicOf('t', options, retentionOf(limit));
  for (const key of keys)
    append(topic, [1], { key: key.toLowerCase(), expires: key === key.toLowerCase() ? 0 : 10 });
  return topic;
}

/** Offsets, or the range of a gap and its reason. */
const shown = (entries: readonly LogEntry[]): unknown[] =>
  entries.map(({ offset, gap, json }) => {
    if (gap === undefined) return offset;
    expect([gap.to, json]).toEqual([offset, '']);
    return [gap.from, gap.to, gap.reason];
  });

const CONFLATING = { conflate: true } as const;

describe('newIn', () => {
  it('has everything for a lane without an interval, also where the topic conflates', () => {
    for (const options of [{}, CONFLATING]) {
      const { lane } = topicWith('aabb', options);
      expect(shown(newIn(lane, 1, 4, 0))).toEqual([2, 3, 4]);
      expect(shown(newIn(lane, 1, 3, 0))).toEqual([2, 3]);
    }
  });

  it('has the newest of each key for a lane with an interval', () => {
    const topic = topicWith('aabab', CONFLATING);
    const subscription = new Subscription(topic, subscriber());
    topic.assign(subscription, 100);
    expect(shown(newIn(subscription.lane, 0, 5, 0))).toEqual([4, 5]);
    expect(shown(newIn(topicWith('aabab', { ...CONFLATING, every: 50 }).lane, 0, 5, 0))).toEqual([4, 5]);
  });

  it('has gaps for what has expired', () => {
    expect(shown(newIn(topicWith('aBBa').lane, 0, 4, 9))).toEqual([1, 2, 3, 4]);
    expect(shown(newIn(topicWith('aBBa').lane, 0, 4, 10))).toEqual([1, [2, 3, 'expired'], 4]);
  });
});

describe('missedIn', () => {
  it('has everything where every publication counts', () => {
    expect(shown(missedIn(topicWith('aabb'), 1, 4, 0))).toEqual([2, 3, 4]);
  });

  it('has the newest of each key where the topic conflates, from the log or, when that is dropped, without it', () => {
    const topic = topicWith('aabab', CONFLATING);
    expect(shown(missedIn(topic, 0, 5, 0))).toEqual([4, 5]);
    topic.log.dropBefore(9);
    expect(shown(missedIn(topic, 0, 5, 0))).toEqual([4, 5]);
    expect(shown(missedIn(topic, 4, 5, 0))).toEqual([5]);
  });

  it('goes back into the log for who stands further back than the newest of each key are kept', () => {
    const topic = topicWith('abcab', CONFLATING, 2);
    expect(topic.latest!.reach).toBe(3);
    expect(shown(missedIn(topic, 0, 5, 0))).toEqual([3, 4, 5]);
  });

  it('begins with a gap for what neither of them has, and goes on after it', () => {
    const topic = topicWith('abcab', CONFLATING, 2);
    topic.log.dropBefore(3);
    expect(shown(missedIn(topic, 1, 5, 0))).toEqual([[2, 3, 'slow'], 4, 5]);
    expect(shown(missedIn(topic, 0, 2, 0))).toEqual([[1, 2, 'slow']]);
    expect(shown(missedIn(topic, 2, 5, 0))).toEqual([3, 4, 5]);
  });

  it('has gaps for what has expired', () => {
    expect(shown(missedIn(topicWith('aBBa'), 1, 4, 10))).toEqual([[2, 3, 'expired'], 4]);
  });
});
