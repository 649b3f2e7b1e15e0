import { describe, expect, it } from 'vitest';
import { Subscription } from '../../../lib/topic/subscription.js';
import { subscriber } from '../../support/unit/subscribers.js';
import { append, payloadOf, topicOf } from '../../support/unit/topics.js';

describe('Lane', () => {
  it('begins with what was published so far behind it', () => {
    const topic = topicOf('t', { conflate: true });
    append(topic, [1, 2, 3], { key: 'k' });
    const subscription = new Subscription(topic, subscriber());
    topic.hold(subscription);
    topic.assign(subscription, 100);
    expect(subscription.lane).toMatchObject({ flushed: 3, settled: 3, interval: 100 });
    expect(subscription.lane.pendingBytes).toBe(0);
  });

  it('takes its interval from the policy of the topic', () => {
    expect(topicOf('t', { conflate: true, every: 250 }).lane.interval).toBe(250);
    expect(topicOf('t', { conflate: true }).lane.interval).toBe(0);
    expect(topicOf().lane.interval).toBe(0);
  });

  describe('#beginFlush', () => {
    it('gives the newest offset, which whoever comes to life from now on catches up with', () => {
      const { lane } = topicOf();
      append(lane.topic, [1, payloadOf(9)]);
      expect(lane.pendingBytes).toBe(10);
      expect(lane.beginFlush()).toBe(2);
      expect(lane).toMatchObject({ flushed: 2, settled: 0 });
      // Whoever the flush has visited before is still to get what was published since.
      expect(lane.pendingBytes).toBe(10);
      lane.settle(2, 0);
      expect(lane.pendingBytes).toBe(0);
    });
  });

  describe('#settle', () => {
    it('never goes back', () => {
      const { lane } = topicOf();
      append(lane.topic, [1, 2, 3]);
      lane.settle(3, 0);
      lane.settle(1, 0);
      expect(lane.settled).toBe(3);
    });

    it('lets the topic forget', () => {
      const { lane } = topicOf();
      append(lane.topic, [1, 2, 3]);
      lane.settle(2, 0);
      expect(lane.topic.log.first).toBe(3);
    });
  });
});
