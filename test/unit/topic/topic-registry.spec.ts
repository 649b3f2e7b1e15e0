import { beforeEach, describe, expect, it } from 'vitest';
import { ByteLedger } from '../../../lib/memory/byte-ledger.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import { reachOf } from '../../../lib/topic/topic.js';
import { EXPIRY_STEP_MS, TopicRegistry } from '../../../lib/topic/topic-registry.js';
import type { Subscriber, Subscription } from '../../../lib/topic/subscription.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { collectGarbage } from '../../support/unit/garbage.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { policiesOf } from '../../support/unit/policies.js';
import { subscriber } from '../../support/unit/subscribers.js';
import { append, payloadOf, PLENTY } from '../../support/unit/topics.js';

const TTL = 60_000;

/** Milliseconds by which a topic may outlive its history. */
const LATE = 2 * EXPIRY_STEP_MS;

let clock: HandClock;
/** What the registry said of subscriptions and topics, in order. */
let told: string[];
/** Topics that were opened and vacated, in order. */
let interest: string[];
let history: ByteLedger;
let backlog: ByteLedger;
let topics: TopicRegistry;

beforeEach(() => make());

function make(historyBudget = PLENTY): void {
  clock = new HandClock();
  told = [];
  interest = [];
  history = new ByteLedger(historyBudget);
  backlog = new ByteLedger(PLENTY);
  const optionsOf = (name: string): TopicOptions =>
    name.startsWith('kept')
      ? { history: { size: 2, ttl: TTL }, ...(name === 'kept.latest' ? { conflate: true as const } : {}) }
      : {};
  topics = new TopicRegistry(policiesOf(optionsOf), clock, { backlogLimit: PLENTY, history, backlog });
  topics.listen({
    opened: ({ name }) => interest.push(`opened ${name}`),
    vacated: ({ name }) => {
      told.push(`vacated ${name}`);
      interest.push(`vacated ${name}`);
    },
    joined: ({ topic }) => told.push(`joined ${topic.name}`),
    left: ({ topic }) => told.push(`left ${topic.name}`),
    missing: ({ name, log }, to) => told.push(`missing ${name} ${log.head + 1} to ${to}`),
  });
}

/** What the gateway does with a subscribe, and catching up after it. */
function join(who: Subscriber, name: string): Subscription {
  const subscription = topics.hold(who, name);
  if (!subscription.served) {
    topics.answered(subscription);
    subscription.topic.activate(subscription);
  }
  return subscription;
}

/** Publishes and flushes; subscribers get nothing. */
function publish(name: string, bytes = 3): Topic | undefined {
  const topic = topics.forPublication(name);
  if (topic === undefined) return undefined;
  append(topic, [payloadOf(bytes)], { at: clock.now() });
  flush(topic);
  return topic;
}

function flush(topic: Topic): void {
  const to = topic.lane.beginFlush();
  for (const subscription of topic.lane.subscriptions) subscription.rewind(to);
  topic.lane.settle(to, clock.now());
}

const code = (name: string): object => expect.objectContaining({ code: name });
const names = (): string[] => [...topics].map(({ name }) => name);

describe('TopicRegistry', () => {
  describe('#find', () => {
    it('tells a name that is not there from one that cannot be', () => {
      expect(topics.find('a')).toBeUndefined();
      expect(() => topics.find('a b')).toThrow(code('FANOUT_TOPIC_NAME'));
    });
  });

  describe('#policyOf', () => {
    it('is that of the options, whether the topic exists or not', () => {
      expect(topics.policyOf('kept').history.size).toBe(2);
      const { topic } = topics.hold(subscriber(), 'kept');
      expect(topics.policyOf('kept')).toBe(topic.policy);
      expect(topics.policyOf('other').history.size).toBe(0);
      expect(topics.size).toBe(1);
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

  describe('the interest in a topic', () => {
    it('begins with the first subscriber and ends with the last, also where there is history', () => {
      for (const name of ['a', 'kept']) {
        interest = [];
        publish(name);
        expect(interest).toEqual([]);
        const [one, two] = [subscriber(), subscriber()];
        topics.hold(one, name);
        topics.hold(one, name);
        join(two, name);
        topics.leaveAll(two);
        expect(interest).toEqual([`opened ${name}`]);
        topics.leaveAll(one);
        expect(interest).toEqual([`opened ${name}`, `vacated ${name}`]);
        topics.leaveAll(join(subscriber(), name).subscriber);
        expect(interest.slice(2)).toEqual([`opened ${name}`, `vacated ${name}`]);
      }
    });
  });

  describe('#appendAt', () => {
    const TERMS = { at: 0, expires: 0, key: undefined, except: undefined };
    const appendAt = (name: string, offset: number, epoch = 'given'): string =>
      topics.appendAt(name, { epoch, offset }, '1', 1, TERMS);

    it('appends what comes in order, and nothing twice', () => {
      join(subscriber(), 'a');
      const topic = topics.find('a')!;
      expect(topics.startAt(topic, 'given', 0)).toBe(false);
      topics.leaveAll(topic.lane.subscriptions[0]!.subscriber);

      const { topic: fresh } = topics.hold(subscriber(), 'a');
      expect([1, 2, 2, 1, 3].map(offset => appendAt('a', offset))).toEqual([
        'appended',
        'appended',
        'duplicate',
        'duplicate',
        'appended',
      ]);
      expect(fresh.position).toBe('given:3');
      expect(fresh.log.range(0, 9).map(({ offset }) => offset)).toEqual([1, 2, 3]);
    });

    it('begins anywhere where nobody was given a position, and those who wait stand before it', () => {
      const subscription = topics.hold(subscriber(), 'a');
      expect(appendAt('a', 41)).toBe('appended');
      expect([subscription.cursor, subscription.topic.position]).toEqual([40, 'given:41']);
      expect(told).toEqual([]);
    });

    it('tells of what is missing, and goes on behind it with nothing that was kept', () => {
      topics.hold(subscriber(), 'kept');
      appendAt('kept', 1);
      appendAt('kept', 2);
      expect(appendAt('kept', 7)).toBe('appended');
      const { log, lane } = topics.find('kept')!;
      expect(told).toEqual(['missing kept 3 to 6']);
      expect(log).toMatchObject({ head: 7, first: 7, remembered: 7, bytes: 1 });
      expect([lane.flushed, lane.settled]).toEqual([6, 6]);
    });

    it('forgets the newest of each key too', () => {
      topics.hold(subscriber(), 'kept.latest');
      const terms = { ...TERMS, key: 'k' };
      topics.appendAt('kept.latest', { epoch: 'given', offset: 1 }, '1', 1, terms);
      topics.appendAt('kept.latest', { epoch: 'given', offset: 5 }, '1', 1, { ...TERMS, key: 'l' });
      const topic = topics.find('kept.latest')!;
      expect(reachOf(topic)).toBe(4);
      expect(topic.latest!.range(0, 9).map(({ key }) => key)).toEqual(['l']);
    });

    it('keeps for a history, and wants nothing that nobody listens to', () => {
      expect([appendAt('a', 1), appendAt('kept', 5)]).toEqual(['unwanted', 'appended']);
      expect(names()).toEqual(['kept']);
      expect(() => appendAt('a b', 1)).toThrow(code('FANOUT_TOPIC_NAME'));
    });

    it('refuses another epoch than that of positions which clients have', () => {
      join(subscriber(), 'a');
      expect(appendAt('a', 1)).toBe('foreign');
      const topic = publish('kept')!;
      const { position } = topic;
      expect(appendAt('kept', 2)).toBe('foreign');
      expect(topic.position).toBe(position);
    });

    it('refuses another epoch while a subscriber that was answered waits for a new snapshot', () => {
      const subscription = join(subscriber(), 'a');
      const { topic } = subscription;
      topic.defer(subscription);
      topic.renew(subscription);
      expect(topic.subscribers).toBe(0);
      expect(topics.startAt(topic, 'given', 0)).toBe(false);
    });
  });

  describe('those who listen to it', () => {
    it('are told of a subscription once, when it is answered', () => {
      const subscription = topics.hold(subscriber(), 'a');
      expect(told).toEqual([]);
      topics.answered(subscription);
      topics.answered(subscription);
      expect(told).toEqual(['joined a']);
    });

    it('are told of its end in whatever state it is, and then that the topic is empty', () => {
      const [live, slow, held] = [
        join(subscriber(), 'a'),
        join(subscriber(), 'a'),
        topics.hold(subscriber(), 'a'),
      ];
      slow.topic.replay(slow);
      told = [];
      for (const subscription of [slow, live, held, held]) topics.leave(subscription);
      expect(told).toEqual(['left a', 'left a', 'left a', 'vacated a']);
    });
  });

  describe('#leave', () => {
    it('ends the topic with its last subscription, live, behind or held', () => {
      const [live, slow, held] = [
        join(subscriber(), 'x'),
        join(subscriber(), 'x'),
        topics.hold(subscriber(), 'x'),
      ];
      slow.topic.replay(slow);
      topics.leave(live);
      topics.leave(slow);
      expect(topics.size).toBe(1);
      topics.leave(held);
      expect(topics.size).toBe(0);
    });

    it('does nothing for a subscription that has ended, even when there is a new one of that name', () => {
      const who = subscriber();
      const old = join(who, 'x');
      topics.leave(old);
      const fresh = join(who, 'x');
      told = [];
      topics.leave(old);
      expect(who.subscriptions.get('x')).toBe(fresh);
      expect(topics.size).toBe(1);
      expect(told).toEqual([]);
    });

    it.each(['held', 'behind'] as const)('gives back what was kept for the last one that was %s', state => {
      const [waiting, other] = [topics.hold(subscriber(), 'x'), join(subscriber(), 'x')];
      if (state === 'behind') waiting.topic.replay(waiting);
      const topic = publish('x', 100)!;
      expect(topic.log.bytes).toBe(100);
      // Nobody can be made to pay for a handler that is still running.
      expect(backlog.used).toBe(state === 'held' ? 0 : 228);
      topics.leave(waiting);
      expect([topic.log.first, backlog.used]).toEqual([2, 0]);
      topics.leave(other);
      expect(topics.size).toBe(0);
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
      expect(topics.positionOf('y')).not.toContain(join(who, 'x').topic.log.epoch);
    });
  });

  it('counts for a sink how many subscriptions feed it', () => {
    const who = subscriber();
    const [a] = ['a', 'b', 'a'].map(name => topics.hold(who, name));
    expect(who.sink.subscriptionCount).toBe(2);
    topics.leave(a!);
    topics.leave(a!);
    expect(who.sink.subscriptionCount).toBe(1);
    topics.leaveAll(who);
    expect(who.sink.subscriptionCount).toBe(0);
  });

  describe('#leaveAll', () => {
    it('ends every subscription of one, and none of another', () => {
      const [one, other] = [subscriber(), subscriber()];
      for (const name of ['a', 'b', 'c']) join(one, name);
      topics.hold(one, 'd');
      join(other, 'b');
      topics.leaveAll(one);
      expect(names()).toEqual(['b']);
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
      expect(clock.timers).toBe(0);
    });

    it('gives the topic somebody is subscribed to', () => {
      const { topic } = join(subscriber(), 'a');
      expect(topics.forPublication('a')).toBe(topic);
    });

    it('makes a topic with history without a subscriber', () => {
      const topic = topics.forPublication('kept');
      expect(topic?.policy.history.size).toBe(2);
      expect(topics.forPublication('kept')).toBe(topic);
    });
  });

  describe('a position of a topic with history', () => {
    /** The offset that a position has for a client that subscribes with it now; undefined where it means nothing. */
    const offsetOf = (position: string, name = 'kept'): number | undefined =>
      topics.offsetOf(join(subscriber(), name).topic, position);

    it('handed out before the first publication is that of the log it begins', () => {
      const position = topics.positionOf('kept');
      expect(topics.size).toBe(0);
      publish('kept');
      expect(offsetOf(position)).toBe(0);
      expect(topics.positionOf('kept')).toBe(position.replace(/0$/, '1'));
    });

    it('holds when the last subscriber leaves before the first publication', () => {
      const who = subscriber();
      const { position } = join(who, 'kept').topic;
      topics.leaveAll(who);
      expect(topics.size).toBe(0);
      publish('kept');
      expect(offsetOf(position)).toBe(0);
    });

    it('holds when the history is over and the last subscriber has left', () => {
      const who = subscriber();
      join(who, 'kept');
      const { position } = publish('kept')!;
      clock.advance(TTL + LATE);
      topics.leaveAll(who);
      expect(topics.size).toBe(0);
      expect(topics.positionOf('kept')).toBe(position);
      const back = join(subscriber(), 'kept').topic;
      expect([back.position, topics.offsetOf(back, position)]).toEqual([position, 1]);
      expect(back.log).toMatchObject({ first: 2, remembered: 2 });
      expect(publish('kept')!.position).toBe(position.replace(/1$/, '2'));
    });

    it('holds no longer than the ttl after the history, the last subscriber and the position have ended', () => {
      const { position } = publish('kept')!;
      expect(topics.positionOf('kept')).toBe(position);
      clock.advance(TTL - 1);
      expect(topics.positionOf('kept')).toBe(position);
      clock.advance(TTL - 1);
      expect([topics.size, topics.positionOf('kept')]).toEqual([0, position]);
      clock.advance(TTL);
      expect(offsetOf(position)).toBeUndefined();
      expect(offsetOf(position.replace(/1$/, '0'))).toBeUndefined();
      expect(offsetOf(topics.positionOf('kept'))).toBe(0);
    });

    it('is out of reach when a publication after it was forgotten with its topic', () => {
      const position = topics.positionOf('kept');
      publish('kept');
      clock.advance(TTL + TTL / 4 + LATE);
      expect(topics.size).toBe(0);
      const { topic } = join(subscriber(), 'kept');
      expect(topics.offsetOf(topic, position)).toBeUndefined();
    });

    it('is out of reach on a topic that conflates, too', () => {
      publish('kept.latest');
      topics.positionOf('kept.latest');
      clock.advance(TTL - 1);
      topics.positionOf('kept.latest');
      clock.advance(TTL - 1);
      expect(topics.size).toBe(0);
      const { topic } = join(subscriber(), 'kept.latest');
      expect([topic.log.head, reachOf(topic)]).toEqual([1, 1]);
    });

    it('means nothing for another topic', () => {
      expect(offsetOf(topics.positionOf('kept.a'), 'kept.b')).toBeUndefined();
    });

    it.each(['', ':0', '0', 'x', 'kept:0'])('is not %j', position => {
      expect(offsetOf(position)).toBeUndefined();
    });

    it('means nothing before it was handed out, nor with an offset that never was', () => {
      const position = topics.positionOf('kept');
      expect(offsetOf(position.replace(/.:0$/, 'z:0'))).toBeUndefined();
      expect(offsetOf(position.replace(/.:0$/, 'z:1'))).toBeUndefined();
    });

    /** Lets other topics end and be forgotten. */
    function churn(): void {
      const name = `kept.other.${clock.time}`;
      publish(name);
      clock.advance(TTL + TTL / 4 + LATE);
      expect(topics.find(name)).toBeUndefined();
    }

    it('holds for the ttl after the last subscriber, however long that one was there', () => {
      const who = subscriber();
      const { position } = join(who, 'kept').topic;
      for (let i = 0; i < 5; i++) churn();
      topics.leaveAll(who);
      clock.advance(TTL - 1);
      expect(topics.positionOf('kept')).toBe(position);
      expect(offsetOf(position)).toBe(0);
    });

    it('holds for the ttl after it was handed out, whatever ends meanwhile', () => {
      for (let i = 0; i < 5; i++) churn();
      const position = topics.positionOf('kept');
      for (let i = 0; i < 500; i++) {
        publish(`kept.${i}`);
        clock.advance((TTL - 1) / 500);
      }
      publish('kept');
      expect(offsetOf(position)).toBe(0);
    });

    it('never passes for one of a later log, when its topic ended so long ago that it is forgotten', () => {
      const first = publish('kept')!.position;
      const before = topics.positionOf('kept').replace(/1$/, '0');
      for (let i = 0; i < 4; i++) churn();
      const { topic } = join(subscriber(), 'kept');
      expect(topic.log.head).toBe(0);
      expect([first, before].map(position => topics.offsetOf(topic, position))).toEqual([
        undefined,
        undefined,
      ]);
    });
  });

  describe('the memory of ended topics', () => {
    it('has nothing of names that were only asked for', () => {
      const who = subscriber();
      for (let i = 0; i < 2000; i++) {
        topics.positionOf(`kept.${i}`);
        join(who, `kept.${i}`);
      }
      topics.leaveAll(who);
      expect([topics.size, topics.remembered, history.used, clock.timers]).toEqual([0, 0, 0, 0]);
    });

    it('has nothing of topics without history, nor of a topic that has come back', () => {
      const who = subscriber();
      join(who, 'x');
      publish('x');
      topics.leaveAll(who);
      expect(topics.remembered).toBe(0);
      publish('kept');
      clock.advance(TTL - 1);
      topics.positionOf('kept');
      clock.advance(TTL - 1);
      expect([topics.size, topics.remembered]).toEqual([0, 1]);
      publish('kept');
      expect(topics.remembered).toBe(0);
    });
  });

  describe('a history', () => {
    it('ends with the ttl of its last publication, and its topic soon after when nobody listens', () => {
      publish('kept');
      clock.advance(TTL / 2);
      publish('kept');
      clock.advance(TTL - 1);
      expect(names()).toEqual(['kept']);
      clock.advance(TTL / 4 + LATE);
      expect(topics.size).toBe(0);
      expect([clock.timers, history.used]).toEqual([0, 0]);
    });

    it('ends in its own time, whatever is published on other topics', () => {
      publish('kept.a');
      clock.advance(TTL / 2);
      publish('kept.b');
      clock.advance(TTL / 2 + LATE);
      expect(names()).toEqual(['kept.b']);
    });

    it('ends also while somebody listens; the topic stays', () => {
      const { topic } = join(subscriber(), 'kept');
      publish('kept', 100);
      expect(history.used).toBeGreaterThanOrEqual(100);
      clock.advance(TTL + LATE);
      expect(history.used).toBe(0);
      expect([...topics]).toEqual([topic]);
      expect(clock.timers).toBe(0);
      publish('kept');
      clock.advance(TTL + LATE);
      expect(history.used).toBe(0);
    });

    it('stays when the last one leaves, and ends in its time after that', () => {
      const who = subscriber();
      join(who, 'kept');
      publish('kept');
      clock.advance(TTL / 2);
      topics.leaveAll(who);
      expect(told.at(-1)).toBe('vacated kept');
      clock.advance(TTL / 2 - 1);
      expect(topics.size).toBe(1);
      clock.advance(TTL / 4 + LATE);
      expect(topics.size).toBe(0);
    });

    it('is found by who comes back, with its epoch', () => {
      const { epoch } = publish('kept')!.log;
      const { topic } = join(subscriber(), 'kept');
      expect(topic.log).toMatchObject({ epoch, head: 1, first: 1 });
    });

    it('is exact when it is refreshed, however seldom it is looked at', () => {
      const topic = publish('kept')!;
      clock.time += TTL - 1;
      topics.refresh(topic);
      expect(topic.log.remembered).toBe(1);
      clock.time += 1;
      topics.refresh(topic);
      expect(topic.log.remembered).toBe(2);
    });

    it('that a failed publication left empty ends as well', () => {
      topics.forPublication('kept');
      clock.advance(TTL + LATE);
      expect(topics.size).toBe(0);
    });

    it('has one timer with all the others, which keeps no process alive', () => {
      for (let i = 0; i < 1000; i++) publish(`kept.${i}`);
      expect(clock.timers).toBe(1);
      expect(clock.unreffed.size).toBe(1);
    });

    it('costs no memory for each publication', { timeout: 30_000 }, async () => {
      publish('kept');
      await collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < 1_000_000; i++) topics.forPublication('kept');
      await collectGarbage();
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(4_000_000);
    });

    it('leaves nothing behind of 100,000 topics that were used once', { timeout: 30_000 }, async () => {
      const refs: WeakRef<Topic>[] = [];
      for (let i = 0; i < 100_000; i++) {
        const topic = publish(`kept.${i}`)!;
        if (i % 1000 === 0) refs.push(new WeakRef(topic));
      }
      expect(topics.size).toBe(100_000);
      clock.advance(TTL + LATE);
      while (clock.immediates > 0) clock.turn();
      expect([topics.size, clock.timers, history.used, backlog.used]).toEqual([0, 0, 0, 0]);
      await collectGarbage();
      expect(refs.filter(ref => ref.deref() !== undefined)).toEqual([]);
    });
  });

  describe('the budget of histories', () => {
    /** What topics with so many publications of 872 bytes take, with what a topic and an entry cost. */
    const bytesOf = (count: number, publications: number): number => count * 1024 + publications * 1000;

    beforeEach(() => make(bytesOf(9, 10)));

    const fill = (...topicNames: string[]): void => topicNames.forEach(name => publish(name, 872));

    it('takes first the topics without listeners, those first that were published to longest ago', () => {
      fill('kept.a', 'kept.b', 'kept.c', 'kept.a', 'kept.d', 'kept.e', 'kept.f', 'kept.g', 'kept.h');
      join(subscriber(), 'kept.b');
      fill('kept.i');
      expect(history.used).toBe(bytesOf(9, 10));
      expect(names().join('')).toBe('kept.akept.bkept.ckept.dkept.ekept.fkept.gkept.hkept.i');
      fill('kept.j', 'kept.j');
      expect(history.used).toBe(bytesOf(8, 9));
      expect(names().join('')).toBe('kept.bkept.dkept.ekept.fkept.gkept.hkept.ikept.j');
    });

    it('takes from the history of who publishes next, so that no topic takes from another that is listened to', () => {
      const all = ['kept.a', 'kept.b', 'kept.c', 'kept.d', 'kept.e'];
      make(bytesOf(all.length, 10));
      for (const name of all) join(subscriber(), name);
      for (const name of [...all, ...all]) fill(name);
      const greedy = join(subscriber(), 'kept.f').topic;
      fill('kept.f');
      expect(history.used).toBe(bytesOf(all.length, 10));
      expect(greedy.log.remembered).toBe(2);
      for (const name of all) expect(topics.find(name)!.log.remembered).toBe(1);
    });

    it('does not end the topic that is published to, though nobody listens to it', () => {
      const topic = publish('kept.a', 20_000)!;
      expect([...topics]).toEqual([topic]);
      expect([topic.log.remembered, history.used]).toEqual([2, 0]);
    });

    it('never takes what nobody has been sent yet', () => {
      const { topic } = join(subscriber(), 'kept.a');
      append(topic, [payloadOf(20_000)]);
      topic.trim(0);
      expect(history.used).toBe(0);
      expect(topic.log).toMatchObject({ first: 1, remembered: 2 });
    });
  });

  describe('#stop', () => {
    it('leaves no timer, and may be called twice', () => {
      publish('kept');
      topics.stop();
      topics.stop();
      expect(clock.timers).toBe(0);
    });
  });
});
