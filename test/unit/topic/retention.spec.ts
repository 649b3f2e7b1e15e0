import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteLedger } from '../../../lib/memory/byte-ledger.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import { Retention } from '../../../lib/topic/retention.js';
import type { Subscription } from '../../../lib/topic/subscription.js';
import type { Lane } from '../../../lib/topic/topic.js';
import { TopicRegistry } from '../../../lib/topic/topic-registry.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { policiesOf } from '../../support/unit/policies.js';
import { type HandSubscriber, subscriber } from '../../support/unit/subscribers.js';
import { append, payloadOf, PLENTY, topicOf } from '../../support/unit/topics.js';

/** What an entry takes beside its payload, as the ledgers count it. */
const ENTRY = 128;

/** What a topic takes that has a history. */
const TOPIC = 1024;

const TTL = 10_000;

const OPTIONS: Record<string, TopicOptions> = {
  plain: {},
  kept: { history: { size: 3, ttl: TTL } },
  wide: { history: { size: 100, ttl: TTL, bytes: 500 } },
  latest: { conflate: true },
  paced: { conflate: true, every: 100, history: { size: 2, ttl: TTL } },
};

/** What histories take, counted from what the log gives. */
function historyBytes({ log }: Topic): number {
  const entries = log.range(log.remembered - 1, log.head);
  return entries.reduce((sum, { bytes }) => sum + bytes + ENTRY, entries.length > 0 ? TOPIC : 0);
}

/** What is kept beside the history while somebody is behind. */
function backlogBytes({ log, latest, behind }: Topic): number {
  if (behind.size === 0) return 0;
  const entries = [...log.range(0, log.remembered - 1), ...(latest?.range(0, Infinity) ?? [])];
  return entries.reduce((sum, { bytes }) => sum + bytes + ENTRY, 0);
}

describe('Retention', () => {
  it('counts the history of a topic, and gives it back when the topic ends', () => {
    const [history, backlog] = [new ByteLedger(PLENTY), new ByteLedger(PLENTY)];
    const retention = new Retention(PLENTY, history, backlog, () => {});
    const topic = topicOf('t', { history: 2 }, retention);
    append(topic, [payloadOf(10), payloadOf(20), payloadOf(30)]);
    topic.lane.settle(3, 0);
    expect([history.used, backlog.used]).toEqual([TOPIC + 50 + 2 * ENTRY, 0]);
    retention.release(topic);
    expect(history.used).toBe(0);
  });

  it('counts for those behind what is kept beside the history, once however many they are', () => {
    const [history, backlog] = [new ByteLedger(PLENTY), new ByteLedger(PLENTY)];
    const topics = registryOf(history, backlog);
    const [one, other] = [topics.hold(subscriber(), 'kept'), topics.hold(subscriber(), 'kept')];
    const { topic } = one;
    for (const subscription of [one, other]) topic.replay(subscription);
    append(
      topic,
      [1, 2, 3, 4, 5].map(() => payloadOf(10)),
    );
    topic.lane.settle(5, 0);
    expect(backlog.used).toBe(2 * (10 + ENTRY));
    topics.leave(one);
    expect(backlog.used).toBe(2 * (10 + ENTRY));
    topics.leave(other);
    expect(backlog.used).toBe(0);
  });

  it('counts nothing for those whose answer is being made', () => {
    const backlog = new ByteLedger(PLENTY);
    const topics = registryOf(new ByteLedger(PLENTY), backlog);
    const { topic } = topics.hold(subscriber(), 'plain');
    append(topic, [1, 2, 3]);
    topic.lane.settle(3, 0);
    expect(topic.log.first).toBe(1);
    expect(backlog.used).toBe(0);
  });

  describe.each(['latest', 'paced'])('on a topic that conflates (%s)', name => {
    /** A client comes back from before what is kept beside the log, and its socket is busy. */
    function comesBack(limit = PLENTY): Topic {
      const clock = new HandClock();
      const topics = registryOf(new ByteLedger(PLENTY), new ByteLedger(PLENTY), clock, limit);
      const [left, back] = [topics.hold(subscriber(), name), topics.hold(subscriber(), name)];
      const { topic } = back;
      topic.activate(left);
      topic.activate(back);
      append(topic, [payloadOf(100), payloadOf(100)], { key: 'k' });
      for (const each of [left, back]) each.rewind(2);
      topic.latest!.settle(2);
      back.rewind(0);
      topic.replay(back);
      append(topic, [payloadOf(100)], { key: 'k' });
      flush(topic.lane, 2 * TTL);
      return topic;
    }

    it('keeps the log for who needs what is not kept beside it', () => {
      const topic = comesBack();
      expect([topic.log.first, topic.latest!.reach]).toEqual([1, 2]);
      for (const subscription of topic.behind) subscription.rewind(2);
      topic.trim(2 * TTL);
      expect(topic.log.first).toBe(4);
    });

    it('keeps no more than may be kept for those who are behind', () => {
      expect(comesBack(200).log.first).toBe(2);
    });
  });

  it('counts what a topic that has ended is flushed with no more', () => {
    const history = new ByteLedger(PLENTY);
    const topics = registryOf(history, new ByteLedger(PLENTY));
    const topic = topics.forPublication('kept')!;
    append(topic, [payloadOf(100)]);
    topic.lane.settle(1, 0);
    history.add(PLENTY);
    // The histories together are too large, so that those without listeners end. Theirs may be to be flushed yet.
    const other = topics.forPublication('wide')!;
    append(topic, [payloadOf(100)]);
    append(other, [payloadOf(100)]);
    other.lane.settle(1, 0);
    expect([...topics]).toEqual([other]);
    history.add(-PLENTY);
    other.lane.settle(1, 0);
    const before = history.used;
    topic.lane.settle(2, 0);
    expect(history.used).toBe(before);
  });

  it('is exact after whatever happens, and counts nothing in the end', { timeout: 30_000 }, () => {
    const name = fc.constantFrom(...Object.keys(OPTIONS));
    const who = fc.nat(4);
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.tuple(fc.constant('publish'), name, fc.integer({ min: 2, max: 300 })) },
      { weight: 3, arbitrary: fc.tuple(fc.constant('flush'), name, fc.constant(0)) },
      {
        weight: 3,
        arbitrary: fc.tuple(fc.constantFrom('hold', 'activate', 'defer', 'leave', 'assign'), name, who),
      },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom('gone', 'advance'), name, who) },
    );
    const budget = fc.constantFrom(PLENTY, 2000, 1000, 500);
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }),
        budget,
        fc.constantFrom(PLENTY, 400),
        (steps, most, limit) => {
          const [history, backlog] = [new ByteLedger(most), new ByteLedger(PLENTY)];
          const clock = new HandClock();
          const topics = registryOf(history, backlog, clock, limit);
          const all = Array.from({ length: 5 }, () => subscriber());
          // Lanes may wait to be flushed whose topics have ended meanwhile.
          const dirty = new Set<Lane>();
          for (const [what, topicName, amount] of steps) {
            run(what, topics, topicName, amount, all, clock, dirty);
            const counted = [...topics].reduce((sum, topic) => sum + topic.historyBytes, 0);
            expect(history.used).toBe(counted);
            expect(backlog.used).toBe([...topics].reduce((sum, topic) => sum + topic.backlogBytes, 0));
          }
          for (const topic of topics) topic.trim(clock.now());
          const sum = (count: (topic: Topic) => number): number =>
            [...topics].reduce((bytes, topic) => bytes + count(topic), 0);
          expect(history.used).toBe(sum(historyBytes));
          expect(backlog.used).toBe(sum(backlogBytes));
          for (const each of all) topics.leaveAll(each);
          clock.advance(2 * TTL);
          for (const lane of dirty) flush(lane, clock.now());
          expect([topics.size, history.used, backlog.used, clock.timers]).toEqual([0, 0, 0, 0]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

function registryOf(
  history: ByteLedger,
  backlog: ByteLedger,
  clock = new HandClock(),
  backlogLimit = PLENTY,
): TopicRegistry {
  const policies = policiesOf(name => OPTIONS[name]!);
  return new TopicRegistry(policies, clock, { backlogLimit, history, backlog });
}

function flush(lane: Lane, now: number): void {
  const to = lane.beginFlush();
  for (const subscription of lane.subscriptions) subscription.rewind(to);
  lane.settle(to, now);
}

function run(
  what: string,
  topics: TopicRegistry,
  name: string,
  amount: number,
  all: readonly HandSubscriber[],
  clock: HandClock,
  dirty: Set<Lane>,
): void {
  const who = all[amount % all.length]!;
  const subscription = who.subscriptions.get(name) as Subscription | undefined;
  if (what === 'publish') {
    const topic = topics.forPublication(name);
    if (topic === undefined) return;
    const key = topic.conflates ? String(amount % 3) : undefined;
    append(topic, [payloadOf(amount)], { at: clock.now(), key });
    for (const lane of topic.lanes) dirty.add(lane);
  } else if (what === 'flush') {
    for (const lane of dirty) {
      if (lane.topic.name !== name) continue;
      dirty.delete(lane);
      flush(lane, clock.now());
    }
  } else if (what === 'hold') topics.hold(who, name);
  else if (what === 'advance') clock.advance(amount * 3000);
  else if (what === 'gone') topics.leaveAll(who);
  else if (subscription === undefined) return;
  else if (what === 'leave') topics.leave(subscription);
  else if (what === 'defer') {
    if (subscription.live) subscription.topic.defer(subscription);
    else if (!subscription.served) subscription.topic.replay(subscription);
  } else if (what === 'assign' && subscription.topic.conflates)
    subscription.topic.assign(subscription, amount * 100);
  else if (what === 'activate') {
    subscription.advance(subscription.lane.flushed);
    subscription.topic.activate(subscription);
  }
}
