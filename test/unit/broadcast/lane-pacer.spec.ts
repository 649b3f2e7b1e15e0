import { beforeEach, describe, expect, it } from 'vitest';
import { LanePacer } from '../../../lib/broadcast/flush-scheduler.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import type { Lane, Topic } from '../../../lib/topic/topic.js';
import { Core } from '../../support/unit/core.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { subscriber } from '../../support/unit/subscribers.js';
import { append, topicOf } from '../../support/unit/topics.js';

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
      lane.settle(lane.beginFlush(), clock.now());
    },
  };
  pacer = new LanePacer(scheduler, clock);
});

/** A topic with a lane for each of these intervals, beside its own, and a live subscription in each. */
function conflating(every: number, ...intervals: number[]): Topic {
  const topic = topicOf('t', { conflate: true, every });
  for (const interval of [every, ...intervals]) subscribe(topic, interval);
  return topic;
}

function subscribe(topic: Topic, interval: number): Subscription {
  const subscription = new Subscription(topic, subscriber());
  topic.assign(subscription, interval);
  topic.activate(subscription);
  return subscription;
}

function publish(topic: Topic): void {
  append(topic, [1]);
  pacer.request(topic);
}

describe('LanePacer', () => {
  it('asks at once for a topic without an interval, each time', () => {
    const topic = topicOf();
    publish(topic);
    publish(topic);
    expect(asked).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(clock.timers).toBe(0);
  });

  it('asks for the first flush of a lane with an interval at once, and for others no more often than that', () => {
    const topic = conflating(100);
    for (let i = 0; i < 25; i++) {
      publish(topic);
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
    publish(topic);
    clock.advance(30);
    publish(topic);
    publish(topic);
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
    publish(topic);
    clock.advance(100);
    publish(topic);
    expect(asked.at(-1)).toEqual([100, 100]);
  });

  it('asks for each lane of a topic in its own time', () => {
    const topic = conflating(0, 100, 250);
    for (let i = 0; i < 26; i++) {
      publish(topic);
      clock.advance(10);
    }
    const times = (interval: number): number[] => asked.filter(([of]) => of === interval).map(([, at]) => at);
    expect(times(0)).toHaveLength(26);
    expect(times(100)).toEqual([0, 100, 200]);
    expect(times(250)).toEqual([0, 250]);
  });

  it('has one timer for all lanes of a topic, at the time of the first, which keeps no process alive', () => {
    const topic = conflating(0, 250);
    publish(topic);
    clock.advance(10);
    publish(topic);
    expect([clock.timers, clock.nextIn]).toEqual([1, 240]);
    subscribe(topic, 100);
    publish(topic);
    publish(topic);
    expect(asked.filter(([interval]) => interval === 100)).toEqual([[100, 10]]);
    expect([clock.timers, clock.nextIn, clock.unreffed.size]).toEqual([1, 100, 2]);
    asked = [];
    clock.advance(1000);
    expect(asked).toEqual([
      [100, 110],
      [250, 250],
    ]);
    expect(clock.timers).toBe(0);
  });

  it('asks for no lane that has ended', () => {
    const topic = conflating(0, 100);
    const changing = subscribe(topic, 250);
    for (let interval = 250; interval < 350; interval++) {
      topic.assign(changing, interval);
      topic.activate(changing);
      publish(topic);
      publish(topic);
      expect(clock.timers).toBe(1);
    }
    asked = [];
    clock.advance(1000);
    expect(asked).toEqual([
      [100, 100],
      [349, 349],
    ]);
  });

  it('asks at once for a topic that nobody is subscribed to, so that it keeps only its history', () => {
    const topic = topicOf('t', { conflate: true, every: 100, history: 1 });
    for (let i = 0; i < 3; i++) publish(topic);
    expect(asked).toHaveLength(3);
    expect([topic.log.first, topic.latest!.size, clock.timers]).toEqual([3, 0, 0]);
  });

  describe('#forget', () => {
    it('leaves no timer of the topic, and those of others', () => {
      const topics = [conflating(100), conflating(200)];
      for (const topic of [...topics, ...topics]) publish(topic);
      expect(clock.timers).toBe(2);
      pacer.forget(topics[0]!);
      pacer.forget(topics[0]!);
      expect([clock.timers, clock.nextIn]).toEqual([1, 200]);
      publish(topics[0]!);
      expect(clock.nextIn).toBe(100);
    });

    it('is what becomes of topics that end', () => {
      const core = new Core({ optionsOf: () => ({ conflate: true, every: 3_600_000 }) });
      const before = core.clock.timers;
      for (let i = 0; i < 100; i++) {
        const peer = core.connect();
        peer.connection.subscribe(`t${i}`);
        core.clock.turn();
        for (let j = 0; j < 2; j++) {
          core.broadcaster.publish(`t${i}`, j);
          core.clock.turn();
        }
        expect(core.clock.timers).toBe(before + 1);
        core.disconnect(peer);
        expect(core.clock.timers).toBe(before);
      }
    });
  });

  describe('#flush', () => {
    it('asks for what waits without waiting, once', () => {
      const topic = conflating(0, 100, 250);
      publish(topic);
      clock.advance(10);
      publish(topic);
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
      publish(topic);
      publish(topic);
      expect(clock.timers).toBe(1);
      pacer.stop();
      expect(clock.timers).toBe(0);
    });
  });
});
