import { beforeEach, describe, expect, it } from 'vitest';
import { LanePacer } from '../../../lib/broadcast/lane-pacer.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Lane } from '../../../lib/topic/lane.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { HandClock } from '../support/hand-clock.js';
import { subscriber } from '../support/subscribers.js';
import { topicOf } from '../support/topics.js';

let clock: HandClock;
/** The lanes that a flush was asked for, each with the time. */
let asked: [interval: number, at: number][];
let pacer: LanePacer;

beforeEach(() => {
  clock = new HandClock();
  asked = [];
  const scheduler = {
    request: (lane: Lane): void => {
      asked.push([lane.interval, clock.now()]);
      // As the walk does that follows.
      if (lane.interval > 0) lane.dueAt = clock.now() + lane.interval;
    },
  };
  pacer = new LanePacer(scheduler, clock);
});

/** A topic with a lane for each of these intervals, beside its own. */
function conflating(every: number, ...intervals: number[]): Topic {
  const topic = topicOf('t', { conflate: true, every });
  for (const interval of intervals) topic.assign(new Subscription(topic, subscriber()), interval);
  return topic;
}

describe('LanePacer', () => {
  it('asks at once for a topic without an interval, each time', () => {
    const topic = topicOf();
    pacer.request(topic);
    pacer.request(topic);
    expect(asked).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(clock.timers).toBe(0);
  });

  it('asks for the first flush of a lane with an interval at once, and for others no more often than that', () => {
    const topic = conflating(100);
    for (let i = 0; i < 25; i++) {
      pacer.request(topic);
      clock.advance(10);
    }
    expect(asked).toEqual([
      [100, 0],
      [100, 100],
      [100, 200],
    ]);
  });

  it('asks at the end of the interval for what came in it, though nothing comes after it', () => {
    const topic = conflating(100);
    pacer.request(topic);
    clock.advance(30);
    pacer.request(topic);
    pacer.request(topic);
    expect(clock.timers).toBe(1);
    clock.advance(1000);
    expect(asked).toEqual([
      [100, 0],
      [100, 100],
    ]);
    expect(clock.timers).toBe(0);
  });

  it('asks at once again after a pause of an interval', () => {
    const topic = conflating(100);
    pacer.request(topic);
    clock.advance(100);
    pacer.request(topic);
    expect(asked.at(-1)).toEqual([100, 100]);
  });

  it('asks for each lane of a topic in its own time', () => {
    const topic = conflating(0, 100, 250);
    for (let i = 0; i < 26; i++) {
      pacer.request(topic);
      clock.advance(10);
    }
    const times = (interval: number): number[] => asked.filter(([of]) => of === interval).map(([, at]) => at);
    expect(times(0)).toHaveLength(26);
    expect(times(100)).toEqual([0, 100, 200]);
    expect(times(250)).toEqual([0, 250]);
  });

  describe('#flush', () => {
    it('asks for what waits without waiting, once', () => {
      const topic = conflating(0, 100, 250);
      pacer.request(topic);
      clock.advance(10);
      pacer.request(topic);
      asked = [];
      pacer.flush();
      expect(asked).toEqual([
        [100, 10],
        [250, 10],
      ]);
      expect(clock.timers).toBe(0);
      pacer.flush();
      expect(asked).toHaveLength(2);
    });
  });

  describe('#stop', () => {
    it('leaves no timer', () => {
      const topic = conflating(0, 100, 250);
      pacer.request(topic);
      pacer.request(topic);
      expect(clock.timers).toBe(2);
      pacer.stop();
      expect(clock.timers).toBe(0);
    });
  });
});
