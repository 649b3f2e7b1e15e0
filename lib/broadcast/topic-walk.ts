import type { Lane } from '../topic/topic.js';
import type { Subscription } from '../topic/subscription.js';
import type { Topic } from '../topic/topic.js';
import type { BatchSink } from '../wire/batch.js';
import { type Encode, TopicBatches } from './topic-batches.js';

/** Subscriptions visited between two looks at the clock: 16 writes are about 0.15 ms, a look is 30 ns. */
const VISITS_PER_LOOK = 16;

/** Takes care of those whom a flush cannot serve. */
export interface Stragglers {
  /** The socket of a live subscription has no room: it leaves the lane and keeps its cursor. */
  defer(subscription: Subscription): void;
  /** A flush of the topic is over. */
  passed(topic: Topic): void;
}

/** Share of the way round that the start of a walk moves on: steps of the golden ratio never come close to an earlier one. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Hands a lane of a topic out to its subscribers, in slices: a reference to a shared batch each, never a copy. Whose socket
 * is busy is passed over, and catches up from the log.
 *
 * What is published between two slices goes along to those who are still to be visited. The others get it when the next
 * flush comes by, so that under load nobody waits longer than from one visit to the next.
 */
export class TopicWalk {
  readonly #batches: TopicBatches;
  readonly #now: () => number;
  readonly #stragglers: Stragglers;
  #lane: Lane | undefined;
  #at = 0;
  #left = 0;
  /** Where the list ended at the beginning: who came after that has caught up by itself. */
  #end = 0;
  /** The offset that everybody will have at the end. */
  #goal = 0;
  /** Departures so far, and how far the search for those that they moved has come. */
  #departures = 0;
  #searched = 0;

  constructor(encode: Encode, now: () => number, stragglers: Stragglers) {
    this.#batches = new TopicBatches(encode, now);
    this.#now = now;
    this.#stragglers = stragglers;
  }

  /** Takes on a lane. */
  begin(lane: Lane): void {
    this.#lane = lane;
    this.#goal = lane.topic.log.head;
    if (lane.interval > 0) lane.dueAt = this.#now() + lane.interval;
    this.#departures = lane.departures;
    this.#searched = lane.subscriptions.length;
    this.#left = this.#end = lane.subscriptions.length;
    this.#at = Math.floor(lane.place * this.#end);
    this.#batches.open(lane, lane.settled, this.#goal);
  }

  /**
   * Goes on until everybody has what was published (true) or the clock says `until` (false).
   * @param later takes the sinks that other lanes of the same flush may add to; undefined when there are no others
   */
  step(until: number, later: BatchSink[] | undefined): boolean {
    const lane = this.#lane!;
    const to = lane.handOut();
    if (to > this.#batches.to) this.#batches.open(lane, lane.settled, to);
    if (!this.#visitAll(lane.subscriptions, until, later) || !this.#visitMoved(lane, until, later))
      return false;
    // Nobody is to be the last one always. But with more to come, who was just passed must not be put at the end.
    if (lane.topic.log.head === this.#goal) lane.place = (lane.place + GOLDEN) % 1;
    lane.settle(this.#goal, this.#now());
    if (lane.topic.behind.size > 0) this.#stragglers.passed(lane.topic);
    this.clear();
    return true;
  }

  /** Forgets what is left of the lane. */
  clear(): void {
    this.#lane = undefined;
    this.#batches.close();
  }

  #visitAll(subscriptions: readonly Subscription[], until: number, later: BatchSink[] | undefined): boolean {
    for (let visits = 1; this.#left > 0 && subscriptions.length > 0; visits++) {
      // The list may have become shorter: a socket that is busy takes its subscription off it.
      if (this.#at >= Math.min(this.#end, subscriptions.length)) this.#at = 0;
      this.#left--;
      this.#visit(subscriptions[this.#at++]!, later);
      if (visits % VISITS_PER_LOOK === 0 && this.#now() >= until) return false;
    }
    return true;
  }

  /** Who leaves has its place taken by another one, which may so get behind the walk without having been visited. */
  #visitMoved(lane: Lane, until: number, later: BatchSink[] | undefined): boolean {
    const { subscriptions } = lane;
    for (let visits = 0; ;) {
      if (this.#departures !== lane.departures) {
        this.#departures = lane.departures;
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
    const { sink } = subscription;
    if (batch !== undefined) {
      if (later === undefined || sink.feeds === 1) {
        if (!sink.send(batch)) return this.#stragglers.defer(subscription);
      } else {
        if (sink.room < batch.bytes) return this.#stragglers.defer(subscription);
        if (sink.add(batch)) later.push(sink);
      }
    }
    subscription.advance(this.#batches.to);
  }
}
