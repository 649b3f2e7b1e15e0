import type { Clock } from '../time/clock.js';
import { TimeSlots } from '../time/time-slots.js';
import { Epochs } from './epochs.js';
import { OldestFirst } from './oldest-first.js';
import { type ByteLedger, type RetainedTopic, Retention } from './retention.js';
import { type LeaveReason, type Subscriber, Subscription } from './subscription.js';
import { assertTopicName } from './topic-name.js';
import type { TopicPolicies, TopicPolicy } from './topic-policy.js';
import type { EntryTerms } from './topic-log.js';
import { Topic } from './topic.js';

/** Listeners for changes of topics and their subscriptions. */
export interface TopicListeners {
  /** Called for the first subscriber of a topic, before its answer. */
  opened(topic: Topic): void;
  /** Called when the last subscriber of a topic has left, once for each call of {@link opened}. */
  vacated(topic: Topic): void;
  /** Called when a subscription was answered. */
  joined(subscription: Subscription): void;
  /** Called when a subscription ends, in any state. */
  left(subscription: Subscription, reason: LeaveReason): void;
  /** Called when publications of a topic up to offset `to` will never come, before the topic continues after them. */
  missing(topic: Topic, to: number): void;
}

/** Position of a publication, given by another process or an engine. */
export interface GivenPosition {
  readonly epoch: string;
  /** Offset in the epoch, from 1. */
  readonly offset: number;
}

/**
 * Outcome of {@link TopicRegistry.appendAt}: `appended`; `duplicate`, because the topic has this offset already; `unwanted`,
 * because this process has no subscriber and no history of the topic; `foreign`, because subscribers have publications of
 * another epoch.
 */
export type Appended = 'appended' | 'duplicate' | 'unwanted' | 'foreign';

/** Memory limits of topics; see {@link Retention}. */
export interface TopicMemory {
  /** Bytes of one topic kept for subscriptions that are held or behind, beside its history. */
  readonly backlogLimit: number;
  readonly history: ByteLedger;
  readonly backlog: ByteLedger;
}

/** Milliseconds between two looks at what is due. A topic outlives its history by less than two of them. */
export const EXPIRY_STEP_MS = 1000;

/** Topics whose history is looked at in one turn of the event loop. With topics to end, this takes some milliseconds. */
const EXPIRY_BATCH = 2000;

/** Least time between two checks of one topic's history, as a share of its ttl. A read always checks. */
const EXPIRY_SHARE = 0.25;

/** All topics by name. Only this class creates and ends topics. */
export class TopicRegistry implements Iterable<Topic> {
  readonly #topics = new Map<string, Topic>();
  /** Topics kept only for their history, in the order of their last publication. */
  readonly #idle = new OldestFirst<string, Topic>();
  readonly #epochs: Epochs;
  readonly #policies: TopicPolicies;
  readonly #clock: Clock;
  readonly #listeners: Partial<TopicListeners>[] = [];
  readonly #history: ByteLedger;
  readonly #retention: Retention;
  /** Topics with history, until the end of their oldest publication. */
  readonly #expiry: TimeSlots<Topic>;

  constructor(policies: TopicPolicies, clock: Clock, memory: TopicMemory) {
    this.#policies = policies;
    this.#clock = clock;
    this.#epochs = new Epochs(() => clock.now());
    this.#history = memory.history;
    this.#retention = new Retention(memory.backlogLimit, memory.history, memory.backlog, this.#forgetIdle);
    const timing = { clock, now: clock.now, stepMs: EXPIRY_STEP_MS, batch: EXPIRY_BATCH };
    this.#expiry = new TimeSlots(timing, this.#expire);
  }

  /** Adds a listener. Listeners are called in the order in which they were added. */
  listen(listener: Partial<TopicListeners>): void {
    this.#listeners.push(listener);
  }

  get size(): number {
    return this.#topics.size;
  }

  [Symbol.iterator](): IterableIterator<Topic> {
    return this.#topics.values();
  }

  /** Finds a topic, if it exists. @throws FanoutError FANOUT_TOPIC_NAME */
  find(name: string): Topic | undefined {
    const topic = this.#topics.get(name);
    // Names are checked when a topic is made. A name without a topic may be invalid, so it is checked here.
    if (topic === undefined) assertTopicName(name);
    return topic;
  }

  /** Returns the topic for a publication, if it has subscribers or history. @throws FanoutError FANOUT_TOPIC_NAME */
  forPublication(name: string): Topic | undefined {
    const topic = this.find(name);
    if (topic === undefined) {
      const policy = this.#policies.policyFor(name);
      if (policy.history.size === 0) return undefined;
      const fresh = this.#create(name, policy);
      this.#idle.set(name, fresh);
      this.#expireLater(fresh);
      return fresh;
    }
    if (topic.policy.history.size > 0) {
      if (this.#idle.delete(name)) this.#idle.set(name, topic);
      this.#expireLater(topic);
    }
    return topic;
  }

  /**
   * Appends a publication at a given position. If offsets before it are missing, tells the listeners and continues
   * after the missing publications.
   * @throws FanoutError FANOUT_TOPIC_NAME
   */
  appendAt(
    name: string,
    { epoch, offset }: GivenPosition,
    json: string,
    bytes: number,
    terms: EntryTerms,
  ): Appended {
    const topic = this.forPublication(name);
    if (topic === undefined) return 'unwanted';
    if (topic.log.epoch !== epoch && !this.startAt(topic, epoch, offset - 1)) return 'foreign';
    const { head } = topic.log;
    if (offset <= head) return 'duplicate';
    if (offset > head + 1) {
      for (const listener of this.#listeners) listener.missing?.(topic, offset - 1);
      topic.moveTo(epoch, offset - 1);
    }
    topic.append(json, bytes, terms);
    return 'appended';
  }

  /**
   * Makes a topic continue after offset `head` of a given epoch. Returns false, and changes nothing, if the topic has
   * publications or an answered subscriber: their positions belong to the present epoch.
   */
  startAt(topic: Topic, epoch: string, head: number): boolean {
    const { log, held, subscribers } = topic;
    const isKnown = subscribers > 0 || [...held].some(({ answered }) => answered);
    if (log.first <= log.head || isKnown) return false;
    topic.moveTo(epoch, head);
    for (const subscription of held) subscription.rewind(head);
    return true;
  }

  /** Returns the policy of a topic, existing or not. */
  policyOf(name: string): TopicPolicy {
    return this.#topics.get(name)?.policy ?? this.#policies.policyOf(name);
  }

  /** Drops expired history, so that no client recovers from it. */
  refresh(topic: Topic): void {
    const { log, policy } = topic;
    const now = this.#clock.now();
    if (log.remembered <= log.head && log.at(log.remembered).at + policy.history.ttl <= now) topic.trim(now);
  }

  /** Returns the subscription; a new one is held until it is answered. @throws FanoutError FANOUT_TOPIC_NAME */
  hold(subscriber: Subscriber, name: string): Subscription {
    const present = subscriber.subscriptions.get(name);
    if (present !== undefined) return present;
    const topic = this.find(name) ?? this.#create(name, this.#policies.policyFor(name));
    this.#idle.delete(name);
    const isFirst = topic.vacant;
    const subscription = new Subscription(topic, subscriber);
    topic.hold(subscription);
    subscriber.subscriptions.set(name, subscription);
    subscriber.sink.subscriptionCount++;
    if (isFirst) for (const listener of this.#listeners) listener.opened?.(topic);
    return subscription;
  }

  /** Notes that the client of a subscription was answered. From now on the subscription counts. */
  answered(subscription: Subscription): void {
    const { topic, subscriber } = subscription;
    // Sending the answer may have ended the subscription, if the socket was broken.
    const isThere = subscriber.subscriptions.get(topic.name) === subscription;
    if (subscription.answered || !isThere) return;
    subscription.markAnswered();
    for (const listener of this.#listeners) listener.joined?.(subscription);
  }

  /** Ends a subscription. The last one ends its topic; else the map would grow with every name that clients invent. */
  leave(subscription: Subscription, reason: LeaveReason = 'removed'): void {
    const { topic, subscriber } = subscription;
    if (subscriber.subscriptions.get(topic.name) !== subscription) return;
    subscriber.subscriptions.delete(topic.name);
    for (const listener of this.#listeners) listener.left?.(subscription, reason);
    const waited = !subscription.live;
    topic.remove(subscription);
    subscriber.sink.subscriptionCount--;
    if (!topic.vacant) {
      // The log was kept for this subscription. If it is kept for others too, the next flush trims it.
      if (waited && topic.held.size === 0 && topic.behind.size === 0) topic.trim(this.#clock.now());
      return;
    }
    const now = this.#clock.now();
    topic.log.usedAt = now;
    topic.lane.settle(topic.lane.beginFlush(), now);
    if (topic.log.remembered > topic.log.head) this.#end(topic);
    else this.#idle.set(topic.name, topic);
    for (const listener of this.#listeners) listener.vacated?.(topic);
  }

  leaveAll(subscriber: Subscriber, reason: LeaveReason = 'disconnected'): void {
    for (const subscription of subscriber.subscriptions.values()) this.leave(subscription, reason);
  }

  /** Returns the newest position of a topic, existing or not. @throws FanoutError FANOUT_TOPIC_NAME */
  positionOf(name: string): string {
    const topic = this.find(name);
    if (topic === undefined) return this.#epochs.positionOf(name, this.#policies.policyOf(name).history);
    topic.log.usedAt = this.#clock.now();
    return topic.position;
  }

  /** Returns the position of a name without a topic; `complete` if it has history and no publication after `since`. */
  placeOf(name: string, since: string | undefined): { position: string; complete: boolean } {
    const { history } = this.#policies.policyOf(name);
    const complete = this.#epochs.isNewest(name, history, since);
    return { position: this.#epochs.positionOf(name, history), complete };
  }

  /** Returns the offset of `position` in the log of a topic; undefined for a position of another log. */
  offsetOf({ name, log }: Topic, position: string): number | undefined {
    return this.#epochs.offsetOf(name, log.epoch, position);
  }

  /** Number of ended topics whose place in the log is remembered. */
  get remembered(): number {
    return this.#epochs.size;
  }

  stop(): void {
    this.#expiry.stop();
  }

  #create(name: string, policy: TopicPolicy): Topic {
    const topic = new Topic(name, this.#epochs.begin(name, policy.history), policy, this.#retention);
    this.#topics.set(name, topic);
    return topic;
  }

  #end(topic: Topic): void {
    this.#idle.delete(topic.name);
    this.#topics.delete(topic.name);
    if (topic.expirySlot !== undefined) this.#expiry.delete(topic, topic.expirySlot);
    this.#epochs.end(topic);
    this.#retention.release(topic);
  }

  #expireLater(topic: Topic): void {
    topic.expirySlot ??= this.#expiry.add(topic, this.#clock.now() + topic.policy.history.ttl);
  }

  readonly #expire = (topic: Topic): void => {
    topic.expirySlot = undefined;
    const now = this.#clock.now();
    topic.trim(now);
    const { log, policy } = topic;
    if (log.remembered <= log.head) {
      const oldest = log.at(log.remembered).at + policy.history.ttl;
      topic.expirySlot = this.#expiry.add(topic, Math.max(oldest, now + policy.history.ttl * EXPIRY_SHARE));
    } else if (topic.vacant) this.#end(topic);
  };

  /** Ends idle topics while the histories are too large, beginning with the longest unused. */
  readonly #forgetIdle = (publishing: RetainedTopic): void => {
    for (const topic of this.#idle.values()) {
      if (!this.#history.exceeded) return;
      if (topic !== publishing) this.#end(topic);
    }
  };
}
