import { randomBytes } from 'node:crypto';
import { assertTopicName } from './topic-name.js';
import { type Subscriber, Subscription, Topic, type TopicHistory } from './topic.js';

/** A topic with history but without subscribers is forgotten when nothing was published for this long. */
export const IDLE_TOPIC_MS = 300_000;

/** What the registry is told by the rest of the application. */
export interface TopicPolicies {
  /** The history of a topic, by the pattern it matches. */
  historyOf(name: string): TopicHistory;
}

/** Timers, injected so that tests hold the clock. */
export interface RegistryClock {
  now(): number;
  setTimeout(callback: () => void, ms: number): { unref(): unknown };
  clearTimeout(timer: unknown): void;
}

/** Every topic there is, by name, and the only place where one comes into being or ends. */
export class TopicRegistry implements Iterable<Topic> {
  readonly #topics = new Map<string, Topic>();
  /** Topics kept only for their history, with the time until which they are. Insertion order is time order. */
  readonly #idle = new Map<Topic, number>();
  readonly #process = randomBytes(6).toString('base64url');
  readonly #policies: TopicPolicies;
  readonly #clock: RegistryClock;
  readonly #vacated: (topic: Topic) => void;
  #created = 0;
  #sweep: { unref(): unknown } | undefined;

  /** @param vacated called when the last subscriber of a topic has left */
  constructor(policies: TopicPolicies, clock: RegistryClock, vacated: (topic: Topic) => void = () => {}) {
    this.#policies = policies;
    this.#clock = clock;
    this.#vacated = vacated;
  }

  get size(): number {
    return this.#topics.size;
  }

  [Symbol.iterator](): IterableIterator<Topic> {
    return this.#topics.values();
  }

  /** The topic, if it exists. @throws FanoutError FANOUT_TOPIC_NAME */
  find(name: string): Topic | undefined {
    const topic = this.#topics.get(name);
    // A name is checked once, when the topic is made; a name that is not there must be told from a wrong one.
    if (topic === undefined) assertTopicName(name);
    return topic;
  }

  /**
   * The topic a publication goes to: undefined when nobody listens and no history is kept.
   * @throws FanoutError FANOUT_TOPIC_NAME
   */
  forPublication(name: string): Topic | undefined {
    const topic = this.find(name);
    if (topic !== undefined) {
      if (this.#idle.delete(topic)) this.#keepIdle(topic);
      return topic;
    }
    const history = this.#policies.historyOf(name);
    if (history.size === 0) return undefined;
    const fresh = this.#create(name, history);
    this.#keepIdle(fresh);
    return fresh;
  }

  /** The subscription of `subscriber`, held until `activate` unless there was one. @throws FanoutError FANOUT_TOPIC_NAME */
  hold(subscriber: Subscriber, name: string): Subscription {
    const present = subscriber.subscriptions.get(name);
    if (present !== undefined) return present;
    const topic = this.find(name) ?? this.#create(name, this.#policies.historyOf(name));
    this.#idle.delete(topic);
    const subscription = new Subscription(topic, subscriber);
    topic.held.add(subscription);
    subscriber.subscriptions.set(name, subscription);
    subscriber.sink.feeds++;
    return subscription;
  }

  /** Ends a subscription; the topic ends with its last one, or the map would grow with every name clients think of. */
  leave(subscription: Subscription): void {
    const { topic, subscriber } = subscription;
    if (subscriber.subscriptions.get(topic.name) !== subscription) return;
    subscriber.subscriptions.delete(topic.name);
    topic.remove(subscription);
    subscriber.sink.feeds--;
    if (!topic.vacant) return;
    topic.settle(topic.handOut());
    if (topic.history.size > 0 && topic.log.head > 0) this.#keepIdle(topic);
    else this.#topics.delete(topic.name);
    this.#vacated(topic);
  }

  leaveAll(subscriber: Subscriber): void {
    for (const subscription of subscriber.subscriptions.values()) this.leave(subscription);
  }

  /** The position of a name without a topic: no log will ever have this epoch, so nothing is recovered from it. */
  get nowhere(): string {
    return `${this.#process}:0`;
  }

  stop(): void {
    this.#clock.clearTimeout(this.#sweep);
    this.#sweep = undefined;
  }

  #create(name: string, history: TopicHistory): Topic {
    const topic = new Topic(name, `${this.#process}.${(this.#created++).toString(36)}`, history);
    this.#topics.set(name, topic);
    return topic;
  }

  #keepIdle(topic: Topic): void {
    this.#idle.set(topic, this.#clock.now() + IDLE_TOPIC_MS);
    if (this.#sweep !== undefined) return;
    this.#sweep = this.#clock.setTimeout(this.#forgetIdle, IDLE_TOPIC_MS / 4);
    this.#sweep.unref();
  }

  readonly #forgetIdle = (): void => {
    this.#sweep = undefined;
    const now = this.#clock.now();
    for (const [topic, until] of this.#idle) {
      if (until > now) break;
      this.#idle.delete(topic);
      this.#topics.delete(topic.name);
    }
    if (this.#idle.size === 0) return;
    this.#sweep = this.#clock.setTimeout(this.#forgetIdle, IDLE_TOPIC_MS / 4);
    this.#sweep.unref();
  };
}
