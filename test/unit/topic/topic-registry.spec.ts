import { beforeEach, describe, expect, it } from 'vitest';
import { IDLE_TOPIC_MS, TopicRegistry } from '../../../lib/topic/topic-registry.js';
import type { Subscriber, Subscription } from '../../../lib/topic/subscription.js';
import { HandClock } from '../support/hand-clock.js';
import { subscriber } from '../support/subscribers.js';

let clock: HandClock;
let vacated: string[];
let topics: TopicRegistry;

beforeEach(() => {
  clock = new HandClock();
  vacated = [];
  const historyOf = (name: string): { size: number } => ({ size: name.startsWith('kept') ? 2 : 0 });
  topics = new TopicRegistry({ historyOf }, clock, topic => vacated.push(topic.name));
});

function join(who: Subscriber, name: string): Subscription {
  const subscription = topics.hold(who, name);
  if (subscription.held) subscription.topic.activate(subscription);
  return subscription;
}

const code = (name: string): object => expect.objectContaining({ code: name });

describe('TopicRegistry', () => {
  describe('#find', () => {
    it('tells a name that is not there from one that cannot be', () => {
      expect(topics.find('a')).toBeUndefined();
      expect(() => topics.find('a b')).toThrow(code('FANOUT_TOPIC_NAME'));
    });
  });

  describe('#hold', () => {
    it('makes the topic, and gives the same subscription the second time', () => {
      const who = subscriber();
      const subscription = topics.hold(who, 'a');
      expect(topics.hold(who, 'a')).toBe(subscription);
      expect(who.subscriptions.get('a')).toBe(subscription);
      expect([...topics]).toEqual([subscription.topic]);
      expect([...subscription.topic.held]).toEqual([subscription]);
    });

    it('refuses a wrong name, and leaves nothing behind', () => {
      const who = subscriber();
      expect(() => topics.hold(who, '')).toThrow(code('FANOUT_TOPIC_NAME'));
      expect(topics.size).toBe(0);
      expect(who.subscriptions.size).toBe(0);
    });
  });

  describe('#leave', () => {
    it('ends the topic with its last subscription, live or held', () => {
      const [a, b, c] = [subscriber(), subscriber(), subscriber()];
      const [live, other, held] = [join(a, 'x'), join(b, 'x'), topics.hold(c, 'x')];
      topics.leave(live);
      topics.leave(other);
      expect(topics.size).toBe(1);
      expect(vacated).toEqual([]);
      topics.leave(held);
      expect(topics.size).toBe(0);
      expect(vacated).toEqual(['x']);
    });

    it('does nothing for a subscription that has ended, even when there is a new one of that name', () => {
      const who = subscriber();
      const old = join(who, 'x');
      topics.leave(old);
      const fresh = join(who, 'x');
      topics.leave(old);
      expect(who.subscriptions.get('x')).toBe(fresh);
      expect(topics.size).toBe(1);
      expect(vacated).toEqual(['x']);
    });

    it('ends a topic with history at once when nothing was ever published', () => {
      topics.leave(join(subscriber(), 'kept'));
      expect(topics.size).toBe(0);
      expect(clock.timers).toBe(0);
    });

    it('begins a new epoch when a topic comes back, so that old positions mean nothing', () => {
      const who = subscriber();
      const first = join(who, 'x').topic.log.epoch;
      topics.leaveAll(who);
      expect(join(who, 'x').topic.log.epoch).not.toBe(first);
      expect(topics.nowhere).not.toContain(join(who, 'x').topic.log.epoch);
    });
  });

  it('counts for a sink how many subscriptions feed it', () => {
    const who = subscriber();
    const [a] = ['a', 'b', 'a'].map(name => topics.hold(who, name));
    expect(who.sink.feeds).toBe(2);
    topics.leave(a!);
    topics.leave(a!);
    expect(who.sink.feeds).toBe(1);
    topics.leaveAll(who);
    expect(who.sink.feeds).toBe(0);
  });

  describe('#leaveAll', () => {
    it('ends every subscription of one, and none of another', () => {
      const [one, other] = [subscriber(), subscriber()];
      for (const name of ['a', 'b', 'c']) join(one, name);
      topics.hold(one, 'd');
      join(other, 'b');
      topics.leaveAll(one);
      expect([...topics].map(({ name }) => name)).toEqual(['b']);
      expect(one.subscriptions.size).toBe(0);
    });

    it('leaves nothing of 20,000 names that a client thought of', () => {
      const who = subscriber();
      for (let i = 0; i < 20_000; i++) join(who, `${i % 2 ? 'kept' : 'x'}.${i}`);
      expect(topics.size).toBe(20_000);
      topics.leaveAll(who);
      expect(topics.size).toBe(0);
      expect(who.subscriptions.size).toBe(0);
      expect(clock.timers).toBe(0);
    });
  });

  describe('#forPublication', () => {
    it('is undefined, and makes nothing, when nobody listens and nothing is kept', () => {
      expect(topics.forPublication('a')).toBeUndefined();
      expect(topics.size).toBe(0);
    });

    it('gives the topic somebody is subscribed to', () => {
      const { topic } = join(subscriber(), 'a');
      expect(topics.forPublication('a')).toBe(topic);
    });

    it('makes a topic with history without a subscriber', () => {
      const topic = topics.forPublication('kept');
      expect(topic?.history.size).toBe(2);
      expect(topics.forPublication('kept')).toBe(topic);
    });

    it('forgets an idle topic five minutes after its last publication, a sweep later at most', () => {
      topics.forPublication('kept.a')!.append('1', 1);
      clock.advance(IDLE_TOPIC_MS - 1);
      expect(topics.size).toBe(1);
      topics.forPublication('kept.a');
      clock.advance(IDLE_TOPIC_MS - 1);
      expect(topics.size).toBe(1);
      clock.advance(IDLE_TOPIC_MS / 4 + 1);
      expect(topics.size).toBe(0);
      expect(clock.timers).toBe(0);
    });

    it('forgets each idle topic in its own time', () => {
      for (const name of ['kept.a', 'kept.b']) topics.forPublication(name);
      clock.advance(IDLE_TOPIC_MS / 2);
      topics.forPublication('kept.a');
      clock.advance(IDLE_TOPIC_MS / 2);
      expect([...topics].map(({ name }) => name)).toEqual(['kept.a']);
    });

    it('keeps a topic while somebody is subscribed, and forgets it after that', () => {
      topics.forPublication('kept')!.append('1', 1);
      const who = subscriber();
      join(who, 'kept');
      clock.advance(IDLE_TOPIC_MS * 3);
      expect(topics.size).toBe(1);
      topics.leaveAll(who);
      expect(vacated).toEqual(['kept']);
      clock.advance(IDLE_TOPIC_MS - 1);
      expect(topics.size).toBe(1);
      clock.advance(IDLE_TOPIC_MS / 4 + 1);
      expect(topics.size).toBe(0);
    });

    it('keeps only one timer, which keeps no process alive', () => {
      for (let i = 0; i < 1000; i++) topics.forPublication(`kept.${i}`);
      expect(clock.timers).toBe(1);
      expect(clock.unreffed.size).toBe(1);
      clock.advance(IDLE_TOPIC_MS * 2);
      expect(topics.size).toBe(0);
    });
  });

  describe('#stop', () => {
    it('leaves no timer, and may be called twice', () => {
      topics.forPublication('kept');
      topics.stop();
      topics.stop();
      expect(clock.timers).toBe(0);
    });
  });
});
