import type { Subscription, Topic } from '../topic/topic.js';
import type { BatchSink } from '../wire/batch.js';
import { type Encode, TopicBatches } from './topic-batches.js';

/** Subscriptions visited between two looks at the clock: 16 writes are about 0.15 ms, a look is 30 ns. */
const VISITS_PER_LOOK = 16;

/**
 * Hands a topic out to its subscribers, in slices: a reference to a shared batch each, never a copy.
 *
 * What is published between two slices goes along to those who are still to be visited. The others get it when the next
 * flush comes by, so that under load nobody waits longer than from one visit to the next.
 */
export class TopicWalk {
  readonly #batches: TopicBatches;
  readonly #now: () => number;
  #topic: Topic | undefined;
  #at = 0;
  #left = 0;
  /** The offset that everybody will have at the end. */
  #goal = 0;
  #departures = 0;

  constructor(encode: Encode, now: () => number) {
    this.#batches = new TopicBatches(encode);
    this.#now = now;
  }

  /** Takes on a topic. @param place where in the list of its subscribers to begin: 0 at its head, up to but without 1 */
  begin(topic: Topic, place: number): void {
    const { subscriptions } = topic;
    this.#topic = topic;
    this.#goal = topic.log.head;
    topic.pendingBytes = 0;
    this.#departures = topic.departures;
    this.#left = subscriptions.length;
    this.#at = Math.floor(place * subscriptions.length);
    this.#batches.open(topic, topic.settled, this.#goal);
  }

  /**
   * Goes on until everybody has the topic's publications (true) or the clock says `until` (false).
   * @param later takes the sinks that other topics of the same flush may add to; undefined when there are no others
   */
  step(until: number, later: BatchSink[] | undefined): boolean {
    const topic = this.#topic!;
    const { subscriptions } = topic;
    const to = topic.handOut();
    if (to > this.#batches.to) this.#batches.open(topic, topic.settled, to);
    for (let visits = 1; this.#left > 0 && subscriptions.length > 0; visits++) {
      // Not only at the end: a write may find its peer slow, which takes subscriptions off the list.
      if (this.#at >= subscriptions.length) this.#at = 0;
      this.#left--;
      this.#visit(subscriptions[this.#at++]!, later);
      if (visits % VISITS_PER_LOOK === 0 && this.#now() >= until) return false;
    }
    this.#visitMoved(topic, later);
    topic.settle(this.#goal);
    this.clear();
    return true;
  }

  /** Forgets what is left of the topic. */
  clear(): void {
    this.#topic = undefined;
    this.#batches.close();
  }

  /** Who leaves has its place taken by another one, which may so get behind the walk without having been visited. */
  #visitMoved(topic: Topic, later: BatchSink[] | undefined): void {
    while (this.#departures !== topic.departures) {
      this.#departures = topic.departures;
      for (let at = 0; at < topic.subscriptions.length; at++) {
        const subscription = topic.subscriptions[at]!;
        if (subscription.cursor < this.#goal) this.#visit(subscription, later);
      }
    }
  }

  #visit(subscription: Subscription, later: BatchSink[] | undefined): void {
    const batch = this.#batches.for(subscription);
    subscription.cursor = Math.max(subscription.cursor, this.#batches.to);
    if (batch === undefined) return;
    const { sink } = subscription;
    if (later === undefined || sink.feeds === 1) sink.send(batch);
    else if (sink.add(batch)) later.push(sink);
  }
}
