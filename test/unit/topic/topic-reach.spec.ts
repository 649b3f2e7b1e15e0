import { describe, expect, it } from 'vitest';
import { reachOf } from '../../../lib/topic/topic.js';
import { append, retentionOf, topicOf } from '../../support/unit/topics.js';

describe('reachOf', () => {
  it('is the offset before the oldest publication kept', () => {
    const topic = topicOf('t', { history: 2 });
    expect(reachOf(topic)).toBe(0);
    append(topic, [1, 2, 3]);
    expect(reachOf(topic)).toBe(0);
    topic.lane.settle(topic.lane.beginFlush(), 0);
    expect(reachOf(topic)).toBe(1);
  });

  it('is lower on a topic that conflates, as far as the newest of each key go back', () => {
    const topic = topicOf('t', { conflate: true }, retentionOf(2));
    for (const key of 'abc') append(topic, [1], { key });
    topic.log.dropBefore(9);
    expect(reachOf(topic)).toBe(1);
  });
});
