import type { Subscription, Topic } from '../topic/topic.js';
import type { BatchSink } from '../wire/batch.js';
import { type Encode, TopicBatches } from './topic-batches.js';

/** Subscriptions visited between two looks at the clock: 16 writes are about 0.15 ms, a look is 30 ns. */
const VISITS_PER_LOOK = 16;

/** Share of the way round that the start of a walk moves on: steps of the golden ratio never come close to an earlier one. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

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
  /** Where the list ended at the beginning: who came after that has caught up by itself. */
  #end = 0;
  /** The offset that everybody will have at the end. */
  #goal = 0;
  /** Departures so far, and how far the search for those that they moved has come. */
  #departures = 0;
  #searched = 0;

  constructor(encode: Encode, now: () => number) {
    this.#batches = new TopicBatches(encode);
    this.#now = now;
  }

  /** Takes on a topic. */
  begin(topic: Topic): void {
    this.#topic = topic;
    this.#goal = topic.log.head;
    topic.pendingBytes = 0;
    this.#departures = topic.departures;
    this.#searched = topic.subscriptions.length;
    this.#left = this.#end = topic.subscriptions.length;
    this.#at = Math.floor(topic.place * this.#end);
    this.#batches.open(topic, topic.settled, this.#goal);
  }

  /**
   * Goes on until everybody has the topic's publications (true) or the clock says `until` (false).
   * @param later takes the sinks that other topics of the same flush may add to; undefined when there are no others
   */
  step(until: number, later: BatchSink[] | undefined): boolean {
    const topic = this.#topic!;
    const to = topic.handOut();
    if (to > this.#batches.to) this.#batches.open(topic, topic.settled, to);
    if (!this.#visitAll(topic.subscriptions, until, later) || !this.#visitMoved(topic, until, later))
      return false;
    // Nobody is to be the last one always. But with more to come, who was just passed must not be put at the end.
    if (topic.log.head === this.#goal) topic.place = (topic.place + GOLDEN) % 1;
    topic.settle(this.#goal);
    this.clear();
    return true;
  }

  /** Forgets what is left of the topic. */
  clear(): void {
    this.#topic = undefined;
    this.#batches.close();
  }

  #visitAll(subscriptions: readonly Subscription[], until: number, later: BatchSink[] | undefined): boolean {
    for (let visits = 1; this.#left > 0 && subscriptions.length > 0; visits++) {
      // The list may have become shorter: a write that finds its peer slow takes subscriptions off it.
      if (this.#at >= Math.min(this.#end, subscriptions.length)) this.#at = 0;
      this.#left--;
      this.#visit(subscriptions[this.#at++]!, later);
      if (visits % VISITS_PER_LOOK === 0 && this.#now() >= until) return false;
    }
    return true;
  }

  /** Who leaves has its place taken by another one, which may so get behind the walk without having been visited. */
  #visitMoved(topic: Topic, until: number, later: BatchSink[] | undefined): boolean {
    const { subscriptions } = topic;
    for (let visits = 0; ;) {
      if (this.#departures !== topic.departures) {
        this.#departures = topic.departures;
        this.#searched = 0;
      }
      if (this.#searched >= subscriptions.length) return true;
      const subscription = subscriptions[this.#searched++]!;
      if (subscription.cursor >= this.#goal) continue;
      this.#visit(subscription, later);
      if (++visits % VISITS_PER_LOOK === 0 && this.#now() >= until) return false;
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
