import type { Counters } from '../observe/counters.js';
import type { Subscription } from '../topic/subscription.js';
import { reachOf, type Topic } from '../topic/topic.js';
import { Batch, type BatchSink } from '../wire/batch.js';
import { gapEntry, type GapReason } from '../wire/log-entry.js';
import { framesOf, singleOf } from '../wire/wire-format.js';
import { AgeLimit } from './age-limit.js';
import type { Clock } from '../time/clock.js';
import type { Laggard, Laggards } from './laggards.js';
import type { LogSegments } from './log-segments.js';
import { OffsetWaits } from './offset-waits.js';
import { RecoveryTurns } from './recovery-turns.js';

/** Most bytes given to a socket at a time. A slow socket holds so many unsent bytes, and replies wait behind them. */
const ROUND_BYTES = 64 * 1024;

/** Renews the snapshot of a subscription that lost publications. Returns false if its topic's method gave none. */
export type Resync = (subscription: Subscription, reason: GapReason) => boolean;

/** The collaborators of {@link CatchUp}. */
export interface CatchUpDeps {
  readonly segments: LogSegments;
  readonly laggards: Laggards;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Milliseconds until the event loop turns. */
  readonly slice: number;
  /** Milliseconds that publications may take to a client that is behind; 0 is no limit. */
  readonly lag: number;
  /** Bytes of backlog above which a topic's policy `gap` or `disconnect` applies. */
  readonly maxBytes: number;
  /** Most connections that recover at the same time. */
  readonly recoveries: number;
}

/**
 * Serves subscriptions from the log of their topic: returning ones, and ones whose socket was busy at a flush. Serves
 * them piece by piece as the socket drains. A subscription that has caught up becomes live again.
 */
export class CatchUp {
  /** Turns of returning connections. */
  readonly turns: RecoveryTurns;
  readonly #deps: CatchUpDeps;
  #resync: Resync = () => false;
  /** Sinks with room, for this turn of the loop. */
  readonly #ready = new Set<BatchSink>();
  #turn: unknown;
  readonly #age: AgeLimit;
  /** Newest missing offset of topics that lost publications before their arrival. */
  readonly #missing = new WeakMap<Topic, number>();
  readonly #waits = new OffsetWaits();

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
    this.#age = new AgeLimit(deps.lag, () => deps.clock.now());
    this.turns = new RecoveryTurns(deps.recoveries, deps.clock, sink => this.#goOn(sink));
  }

  /** Sets the function that takes over subscriptions that lost publications. Without it they are only told of the loss. */
  resyncWith(resync: Resync): void {
    this.#resync = resync;
  }

  /** Starts an answered subscription. Missed publications go to its sink, for the write at the end of this turn. */
  join(subscription: Subscription): void {
    // Sending the answer may have ended the subscription.
    if (subscription.state === 'ended') return;
    if (this.#isCurrent(subscription)) this.#activate(subscription);
    else this.#start(this.#fallBehind(subscription));
  }

  /** Starts an answered subscription at an earlier position: like {@link join}, when its turn comes. */
  recover(subscription: Subscription): void {
    if (subscription.state === 'ended') return;
    if (this.#isCurrent(subscription)) return this.#activate(subscription);
    const laggard = this.#fallBehind(subscription);
    if (this.turns.take(subscription)) this.#start(laggard);
  }

  /** Removes a subscription from the flushes, because its socket had no room. Its cursor stays. */
  readonly defer = (subscription: Subscription): void => {
    this.#deps.counters.slow++;
    this.#leaveFlush(subscription);
  };

  /**
   * Handles publications of a topic, up to offset `to`, that will never come. Takes the live subscriptions out of the
   * flushes. In the next turn of the loop each client is told, and its subscription continues after the gap.
   */
  missing(topic: Topic, to: number): void {
    this.#missing.set(topic, to);
    for (const { subscriptions } of topic.lanes)
      for (const subscription of subscriptions.slice()) this.#leaveFlush(subscription);
  }

  #leaveFlush(subscription: Subscription): void {
    subscription.topic.defer(subscription);
    this.#deps.laggards.add(subscription);
    this.#goOn(subscription.sink);
  }

  /** Closes subscribers that are too far behind for the policy `disconnect`. Called after each flush of the topic. */
  passed({ policy, behind }: Topic): void {
    if (policy.slow !== 'disconnect') return;
    for (const subscription of behind)
      if (this.#isTooFar(subscription) && this.#lossOf(subscription) === 'slow') subscription.sink.tooSlow();
  }

  /** Continues with a sink whose socket has drained. */
  drained(sink: BatchSink): void {
    const laggard = this.#deps.laggards.of(sink);
    if (laggard === undefined) this.#deps.laggards.drained(sink);
    else this.#round(laggard);
  }

  /** Tells the client of an ending subscription with a busy socket which publications it will not get. */
  giveUp(subscription: Subscription): void {
    if (subscription.served || subscription.lostFrom > 0)
      this.#skip(subscription, subscription.topic.log.head, 'slow');
  }

  /** Removes a subscription that ends, in any state. */
  forget(subscription: Subscription): void {
    this.#remove(subscription);
    this.#waits.reached(subscription, Infinity);
  }

  /** Resolves when all subscriptions that are behind have got everything flushed by now, or have ended. */
  caughtUp(): Promise<void> {
    const targets = new Map<Subscription, number>();
    for (const subscription of this.#deps.laggards.subscriptions())
      targets.set(subscription, subscription.lane.flushed);
    return this.#waits.add(targets);
  }

  stop(): void {
    this.#deps.clock.clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#ready.clear();
    this.turns.stop();
  }

  #isCurrent({ cursor, lane }: Subscription): boolean {
    return cursor >= lane.flushed;
  }

  #fallBehind(subscription: Subscription): Laggard {
    const { topic } = subscription;
    this.#age.cameBack(subscription);
    topic.replay(subscription);
    this.turns.resume(subscription);
    topic.retention.count(topic);
    return this.#deps.laggards.add(subscription);
  }

  #start(laggard: Laggard): void {
    this.#serve(laggard);
    this.#goOn(laggard.sink);
  }

  /** Removes a subscription that is no longer behind. */
  #remove(subscription: Subscription): void {
    this.#deps.laggards.delete(subscription);
    this.turns.give(subscription);
  }

  #round(laggard: Laggard): void {
    laggard.idle = 0;
    this.#serve(laggard);
    laggard.sink.write();
    this.#goOn(laggard.sink);
  }

  /** Serves the subscriptions of a connection in turn, until all have caught up or the socket has enough. */
  #serve({ subscriptions, sink }: Laggard): void {
    for (const subscription of subscriptions) {
      if (subscription.state === 'waiting') continue;
      // Bytes gathered for the next write count, because many subscriptions may be served before it.
      const room = Math.min(ROUND_BYTES - sink.unsent, sink.room);
      if (room <= 0 || !this.#advance(subscription, room)) return;
      // Moves to the end of the line, so that the first subscription does not take all the room.
      if (subscriptions.delete(subscription)) subscriptions.add(subscription);
    }
  }

  /** Serves one piece. Returns false if the next piece has to wait until the socket has drained. */
  #advance(subscription: Subscription, room: number): boolean {
    const { lane, sink } = subscription;
    if (this.#isTooFar(subscription)) {
      const { state } = subscription;
      this.#giveWay(subscription);
      // The subscription has ended or waits for a new snapshot.
      if (subscription.state !== state) return true;
    }
    const to = lane.flushed;
    const part = subscription.cursor < to ? this.#deps.segments.after(subscription, to, room) : undefined;
    if (part !== undefined && part.batch.bytes > room && sink.unsent > 0) {
      part.batch.release();
      return false;
    }
    subscription.advance(part?.cursor ?? to);
    if (part !== undefined) {
      // A format may have no bytes for gaps.
      if (part.batch.bytes > 0) sink.add(part.batch);
      part.batch.release();
    }
    if (subscription.cursor >= to) this.#activate(subscription);
    else this.#waits.reached(subscription, subscription.cursor);
    return true;
  }

  /** Applies the topic's policy to a subscription that is too far behind. */
  #giveWay(subscription: Subscription): void {
    const { topic, lane, sink } = subscription;
    const reason = this.#lossOf(subscription);
    if (reason === 'slow' && topic.policy.slow === 'disconnect') return sink.tooSlow();
    const isTakenOver = subscription.format.endsAtLoss || (subscription.renewable && !topic.conflates);
    if (isTakenOver && this.#resync(subscription, reason)) return this.#remove(subscription);
    const toNewest = reason === 'slow' && topic.policy.slow === 'gap';
    this.#skip(subscription, toNewest ? lane.flushed : this.#age.freshAfter(subscription), reason);
  }

  /** Returns the reason of a loss after the cursor. A loss between processes is not the client's fault. */
  #lossOf({ topic, cursor }: Subscription): GapReason {
    return cursor < (this.#missing.get(topic) ?? 0) ? 'bus' : 'slow';
  }

  #activate(subscription: Subscription): void {
    const { topic, cursor } = subscription;
    this.#remove(subscription);
    this.#age.caughtUp(subscription);
    topic.activate(subscription);
    // The log was kept for this subscription. If it is kept for others too, the next flush trims it.
    if (topic.behind.size === 0 && topic.held.size === 0) topic.trim(this.#deps.clock.now());
    this.#waits.reached(subscription, cursor);
  }

  /** Tells whether the missed publications are no longer kept, or exceed the limit of the topic's policy. */
  #isTooFar(subscription: Subscription): boolean {
    const { topic, cursor } = subscription;
    if (cursor < reachOf(topic) || this.#age.isExceeded(subscription)) return true;
    const { slow } = topic.policy;
    if ((slow !== 'gap' && slow !== 'disconnect') || subscription.state !== 'behind') return false;
    return topic.log.bytesAfter(cursor) > this.#deps.maxBytes;
  }

  #skip(subscription: Subscription, to: number, reason: GapReason): void {
    const { topic, cursor, lostFrom, sink, format } = subscription;
    const from = lostFrom || cursor + 1;
    if (from > to) return;
    const gap = new Batch([framesOf(singleOf(format), topic, [gapEntry({ from, to, reason })])]);
    gap.gaps = [reason];
    if (gap.bytes > 0) sink.add(gap);
    gap.release();
    subscription.advance(to);
    subscription.lossTold();
  }

  /** Plans the next round: when the socket drains, or in the next turn of the loop if it already has. */
  #goOn(sink: BatchSink): void {
    const laggard = this.#deps.laggards.of(sink);
    // A connection that only waits for its recovery turn continues when the turn comes.
    if (laggard === undefined || laggard.subscriptions.size === this.turns.waitingOf(sink)?.size) return;
    if (!sink.isReady) return sink.awaitDrain();
    this.#ready.add(sink);
    this.#turn ??= this.#deps.clock.setImmediate(this.#serveReady);
  }

  readonly #serveReady = (): void => {
    this.#turn = undefined;
    const { clock, laggards, slice } = this.#deps;
    const until = clock.now() + slice;
    for (const sink of this.#ready) {
      if (clock.now() >= until) break;
      this.#ready.delete(sink);
      const laggard = laggards.of(sink);
      if (laggard !== undefined) this.#round(laggard);
    }
    if (this.#ready.size > 0) this.#turn ??= clock.setImmediate(this.#serveReady);
  };
}
