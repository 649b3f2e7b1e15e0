import type { Subscription } from '../topic/subscription.js';
import type { Lane, Topic } from '../topic/topic.js';
import type { Batch, BatchSink } from '../wire/batch.js';
import type { JoinedBatches } from '../wire/joined-batches.js';
import { type Encode, exceptedIn, newIn, TopicBatches } from './topic-batches.js';

/** Sockets written, or subscriptions visited, between two looks at the clock: 16 writes take about 0.15 ms, a look takes 30 ns. */
const WRITES_PER_LOOK = 16;

/** Memory that lanes and connections of one flush share. */
export interface FlushMemory {
  /** Releases what the flush has shared. */
  endFlush(): void;
}

/**
 * One flush in slices. Every lane delivers its batch. Then each connection that may have got several batches is written
 * once. A connection that cannot get another batch in this flush is written at once, while its memory is in the cache.
 * The two lists are swapped and emptied, never allocated anew.
 */
export class FlushWalk {
  readonly #topicWalk: Pick<TopicWalk, 'serveAlone' | 'begin' | 'step' | 'clear'>;
  readonly #joined: JoinedBatches;
  readonly #memory: FlushMemory;
  readonly #now: () => number;
  readonly #sinks: BatchSink[] = [];
  #lanes: Lane[] = [];
  #laneAt = 0;
  #laneBegun = false;
  /** Subscriptions and lanes visited since the last look at the clock. */
  #unlooked = 0;
  #sinkAt = 0;

  constructor(
    topicWalk: Pick<TopicWalk, 'serveAlone' | 'begin' | 'step' | 'clear'>,
    joined: JoinedBatches,
    memory: FlushMemory,
    now: () => number,
  ) {
    this.#topicWalk = topicWalk;
    this.#joined = joined;
    this.#memory = memory;
    this.#now = now;
  }

  /** Takes over a list of lanes, and returns an empty one. Later publications are for the next flush. */
  start(lanes: Lane[]): Lane[] {
    const empty = this.#lanes;
    this.#lanes = lanes;
    return empty;
  }

  /** Continues until the end (true) or until the time `until` (false). */
  step(until: number): boolean {
    const later = this.#lanes.length === 1 ? undefined : this.#sinks;
    let now = this.#now();
    while (this.#laneAt < this.#lanes.length) {
      const lane = this.#lanes[this.#laneAt]!;
      if (!this.#walkLane(lane, until, later, now)) return false;
      this.#laneAt++;
      this.#unlooked += lane.size + 1;
      if (this.#unlooked < WRITES_PER_LOOK) continue;
      this.#unlooked = 0;
      now = this.#now();
      if (now >= until) return false;
    }
    while (this.#sinkAt < this.#sinks.length) {
      this.#sinks[this.#sinkAt++]!.write(this.#joined);
      if (this.#sinkAt % WRITES_PER_LOOK === 0 && this.#now() >= until) return false;
    }
    this.clear();
    return true;
  }

  /** Continues with a lane until its end (true) or until the time `until` (false). */
  #walkLane(lane: Lane, until: number, later: BatchSink[] | undefined, now: number): boolean {
    if (!this.#laneBegun) {
      lane.dirty = false;
      if (this.#topicWalk.serveAlone(lane, later, now)) return true;
      this.#laneBegun = true;
      this.#topicWalk.begin(lane, now);
    }
    if (!this.#topicWalk.step(until, later)) return false;
    this.#laneBegun = false;
    return true;
  }

  /** Drops the rest of the flush. */
  clear(): void {
    this.#topicWalk.clear();
    if (this.#sinks.length > 0) this.#joined.clear();
    this.#memory.endFlush();
    // Lanes already begun may be dirty again, on the list of the next flush.
    const next = this.#laneAt + (this.#laneBegun ? 1 : 0);
    for (let at = next; at < this.#lanes.length; at++) this.#lanes[at]!.dirty = false;
    this.#lanes.length = this.#sinks.length = this.#laneAt = this.#sinkAt = 0;
    this.#laneBegun = false;
  }
}

/** Subscriptions visited between two looks at the clock: 16 writes take about 0.15 ms, a look takes 30 ns. */
const VISITS_PER_LOOK = 16;

/** Handler of subscriptions that a flush cannot serve. */
export interface FlushFallback {
  /** Takes over a live subscription whose socket has no room. It leaves the lane and keeps its cursor. */
  defer(subscription: Subscription): void;
  /** Called at the end of a flush of the topic. */
  passed(topic: Topic): void;
}

/**
 * Share of the list by which the start of the next walk moves. Steps of the golden ratio never come close to an earlier
 * start.
 */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Delivers a lane of a topic to its subscribers in slices: to each a reference to a shared batch, never a copy. A
 * subscription with a busy socket is passed over, and catches up from the log.
 *
 * Publications between two slices reach the subscriptions that are not visited yet. The others get them in the next
 * flush. So under load no subscriber waits longer than from one visit to the next.
 */
export class TopicWalk {
  readonly #encode: Encode;
  readonly #batches: TopicBatches;
  readonly #now: () => number;
  readonly #fallback: FlushFallback;
  #lane: Lane | undefined;
  #begunAt = 0;
  #at = 0;
  #left = 0;
  /** Length of the list at the beginning. Subscriptions added later have caught up by themselves. */
  #end = 0;
  /** Offset of every subscription at the end of the walk. */
  #goal = 0;
  /**
   * Number of departures at the last look. `#searched` is the progress of the search for subscriptions that these have
   * moved.
   */
  #departures = 0;
  #searched = 0;

  constructor(encode: Encode, now: () => number, fallback: FlushFallback) {
    this.#encode = encode;
    this.#batches = new TopicBatches(encode, now);
    this.#now = now;
    this.#fallback = fallback;
  }

  /**
   * Delivers a lane with a single subscription, which needs nothing that is for many. Returns false, and delivers nothing, for
   * any other lane, and for publications that exclude a connection.
   */
  serveAlone(lane: Lane, later: BatchSink[] | undefined, now: number): boolean {
    const { topic, only: subscription, interval } = lane;
    if (subscription === undefined || interval > 0) return false;
    const to = topic.log.head;
    if (subscription.cursor < to) {
      const publications = newIn(lane, subscription.cursor, to, now);
      if (exceptedIn(publications) !== undefined) return false;
      this.#deliver(this.#encode(subscription.format, topic, publications), subscription, to, later);
    }
    lane.beginFlush();
    lane.settle(to, now);
    if (topic.behind.size > 0) this.#fallback.passed(topic);
    return true;
  }

  /** Delivers a batch to its only subscription, and releases the batch. */
  #deliver(batch: Batch, subscription: Subscription, to: number, later: BatchSink[] | undefined): void {
    const isDelivered = batch.bytes === 0 || give(batch, subscription.sink, later);
    batch.release();
    if (isDelivered) subscription.advance(to);
    else this.#fallback.defer(subscription);
  }

  /** Begins a lane. */
  begin(lane: Lane, now: number): void {
    this.#lane = lane;
    this.#begunAt = now;
    this.#goal = lane.topic.log.head;
    if (lane.interval > 0) lane.dueAt = now + lane.interval;
    this.#departures = lane.departures;
    this.#searched = this.#left = this.#end = lane.size;
    this.#at = Math.floor(lane.place * this.#end);
    this.#batches.open(lane, lane.settled, this.#goal, now);
  }

  /**
   * Continues until every subscription has all publications (true) or until the time `until` (false).
   * @param later collects the sinks that other lanes of the same flush may add to; undefined if there are no other
   *   lanes
   */
  step(until: number, later: BatchSink[] | undefined): boolean {
    const lane = this.#lane!;
    const to = lane.beginFlush();
    if (to > this.#batches.to) this.#batches.open(lane, lane.settled, to, this.#now());
    if (!this.#visitAll(lane.subscriptions, until, later) || !this.#visitMoved(lane, until, later))
      return false;
    // Moves the start, so that no subscription is always the last. While more publications wait, the start stays: else
    // the one just passed could become the last.
    if (lane.topic.log.head === this.#goal) lane.place = (lane.place + GOLDEN) % 1;
    lane.settle(this.#goal, this.#begunAt);
    if (lane.topic.behind.size > 0) this.#fallback.passed(lane.topic);
    this.clear();
    return true;
  }

  /** Drops the rest of the lane. */
  clear(): void {
    this.#lane = undefined;
    this.#batches.close();
  }

  #visitAll(subscriptions: readonly Subscription[], until: number, later: BatchSink[] | undefined): boolean {
    for (let visits = 1; this.#left > 0 && subscriptions.length > 0; visits++) {
      // The list may have become shorter: a busy socket takes its subscription off it.
      if (this.#at >= Math.min(this.#end, subscriptions.length)) this.#at = 0;
      this.#left--;
      this.#visit(subscriptions[this.#at++]!, later);
      if (visits % VISITS_PER_LOOK === 0 && this.#now() >= until) return false;
    }
    return true;
  }

  /**
   * Visits subscriptions that were moved. A departed subscription's place is taken by another one, which may then be
   * behind the walk without a visit.
   */
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
    if (batch !== undefined && !give(batch, subscription.sink, later))
      return this.#fallback.defer(subscription);
    subscription.advance(this.#batches.to);
  }
}

/** Gives a batch to a sink, to be sent at once if no other lane of the flush can add to it. Returns false if there is no room. */
function give(batch: Batch, sink: BatchSink, later: BatchSink[] | undefined): boolean {
  return later === undefined || sink.subscriptionCount === 1 ? sink.send(batch) : sink.gather(batch, later);
}
