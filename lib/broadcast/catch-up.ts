import type { Counters } from '../observe/counters.js';
import { reachOf } from '../topic/topic.js';
import type { Subscription } from '../topic/subscription.js';
import type { Topic } from '../topic/topic.js';
import { Batch, type BatchSink } from '../wire/batch.js';
import { gapEntry, type GapReason } from '../wire/log-entry.js';
import { framesOf } from '../wire/wire-format.js';
import { AgeLimit } from './age-limit.js';
import type { Clock } from '../time/clock.js';
import type { Laggard, Laggards } from './laggards.js';
import type { LogSegments } from './log-segments.js';
import { RecoveryTurns } from './recovery-turns.js';

/** Bytes handed to a socket at once: so much a slow one is ahead of what it has taken, and replies wait behind. */
const ROUND_BYTES = 64 * 1024;

/** Asks a topic's method again for the snapshot of a subscription that lost publications; false when it has none. */
export type Resync = (subscription: Subscription, reason: GapReason) => boolean;

/** The collaborators of {@link CatchUp}. */
export interface CatchUpDeps {
  readonly segments: LogSegments;
  readonly laggards: Laggards;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Milliseconds after which the loop turns. */
  readonly slice: number;
  /** Milliseconds that publications may take to a client that is behind; 0 is no limit. */
  readonly lag: number;
  /** Bytes behind above which a topic's policy `gap` or `disconnect` comes into force. */
  readonly maxBytes: number;
  /** Connections that are given what they missed at the same time. */
  readonly recoveries: number;
  readonly resync: Resync;
}

/**
 * Serves subscriptions from the log of their topic: those that come back, and those whose socket was busy when a flush
 * came by. Piece by piece, as the socket takes them; when it has everything a subscription is live again.
 */
export class CatchUp {
  /** Who of those that come back is served, and who waits. */
  readonly turns: RecoveryTurns;
  readonly #deps: CatchUpDeps;
  /** Whose socket has room, for this turn of the loop. */
  readonly #ready = new Set<BatchSink>();
  #turn: unknown;
  readonly #age: AgeLimit;
  /** Newest offset that never came, of topics where publications were lost before they came. */
  readonly #missing = new WeakMap<Topic, number>();
  readonly #waiting = new Set<{ readonly targets: Map<Subscription, number>; readonly done: () => void }>();

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
    this.#age = new AgeLimit(deps.lag, () => deps.clock.now());
    this.turns = new RecoveryTurns(deps.recoveries, deps.clock, sink => this.#goOn(sink));
  }

  /** The client was answered: what it missed goes to its sink, for the write at the end of this turn, then all that comes. */
  join(subscription: Subscription): void {
    // What was sent to the client may have ended the subscription.
    if (subscription.state === 'ended') return;
    if (this.#isCurrent(subscription)) this.#activate(subscription);
    else this.#start(this.#fallBehind(subscription));
  }

  /** The client was answered, and is set back to where it was: as {@link join}, when it is its turn. */
  recover(subscription: Subscription): void {
    if (subscription.state === 'ended') return;
    if (this.#isCurrent(subscription)) return this.#activate(subscription);
    const laggard = this.#fallBehind(subscription);
    if (this.turns.take(subscription)) this.#start(laggard);
  }

  /** A flush found no room: the subscription keeps its cursor. */
  readonly defer = (subscription: Subscription): void => {
    this.#deps.counters.slow++;
    this.#leaveFlush(subscription);
  };

  /**
   * Publications of a topic up to offset `to` will never come. Takes the live subscriptions out of the flushes: in the next turn of
   * the loop each is told, and goes on behind them.
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

  /** A flush of the topic is over: those that its policy gives up are closed, whether their sockets drain or not. */
  passed({ policy, behind }: Topic): void {
    if (policy.slow !== 'disconnect') return;
    for (const subscription of behind)
      if (this.#isTooFar(subscription) && this.#lossOf(subscription) === 'slow') subscription.sink.tooSlow();
  }

  /** The socket has taken what it was given. */
  drained(sink: BatchSink): void {
    const laggard = this.#deps.laggards.of(sink);
    if (laggard === undefined) this.#deps.laggards.drained(sink);
    else this.#round(laggard);
  }

  /** A subscription ends in good order, and its socket is busy: the client is told what it does not get any more. */
  giveUp(subscription: Subscription): void {
    if (subscription.served || subscription.lostFrom > 0)
      this.#skip(subscription, subscription.topic.log.head, 'slow');
  }

  /** The subscription ends, in whatever state it is. */
  forget(subscription: Subscription): void {
    this.#remove(subscription);
    this.#reached(subscription, Infinity);
  }

  /** Resolves when those who are behind have been handed all that was flushed by now, or have ended. */
  caughtUp(): Promise<void> {
    const targets = new Map<Subscription, number>();
    for (const subscription of this.#deps.laggards.subscriptions())
      targets.set(subscription, subscription.lane.flushed);
    if (targets.size === 0) return Promise.resolve();
    return new Promise(done => this.#waiting.add({ targets, done }));
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

  /** It is behind no more. */
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

  /** Each in turn, until all have caught up or the socket has enough. Some may have to wait, and others be only slow. */
  #serve({ subscriptions, sink }: Laggard): void {
    for (const subscription of subscriptions) {
      if (subscription.state === 'waiting') continue;
      // What was gathered for the next write counts: many may be served before it.
      const room = Math.min(ROUND_BYTES - sink.unsent, sink.room);
      if (room <= 0 || !this.#advance(subscription, room)) return;
      // To the end of the line, or the first one would have it all.
      if (subscriptions.delete(subscription)) subscriptions.add(subscription);
    }
  }

  /** Returns false when what is next has to wait until the socket has taken everything. */
  #advance(subscription: Subscription, room: number): boolean {
    const { lane, sink } = subscription;
    if (this.#isTooFar(subscription)) {
      const { state } = subscription;
      this.#giveWay(subscription);
      // It has ended, or it waits for a new snapshot.
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
    else this.#reached(subscription, subscription.cursor);
    return true;
  }

  /** Does what the policy of the topic says of one that is too far behind. */
  #giveWay(subscription: Subscription): void {
    const { topic, lane, sink } = subscription;
    const reason = this.#lossOf(subscription);
    if (reason === 'slow' && topic.policy.slow === 'disconnect') return sink.tooSlow();
    if (subscription.renewable && !topic.conflates && this.#deps.resync(subscription, reason))
      return this.#remove(subscription);
    const toNewest = reason === 'slow' && topic.policy.slow === 'gap';
    this.#skip(subscription, toNewest ? lane.flushed : this.#age.freshAfter(subscription), reason);
  }

  /** Why a subscription lacks what follows its cursor. A loss between processes is no fault of the client. */
  #lossOf({ topic, cursor }: Subscription): GapReason {
    return cursor < (this.#missing.get(topic) ?? 0) ? 'bus' : 'slow';
  }

  #activate(subscription: Subscription): void {
    const { topic, cursor } = subscription;
    this.#remove(subscription);
    this.#age.caughtUp(subscription);
    topic.activate(subscription);
    // The log was kept for it. As long as it is kept for others too, the next flush will do.
    if (topic.behind.size === 0 && topic.held.size === 0) topic.trim(this.#deps.clock.now());
    this.#reached(subscription, cursor);
  }

  /** Whether what it missed is no longer kept, or more than its topic's policy bears. */
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
    const gap = new Batch([framesOf(format.single, topic, [gapEntry({ from, to, reason })])]);
    if (gap.bytes > 0) sink.add(gap);
    gap.release();
    subscription.advance(to);
    subscription.lossTold();
  }

  /** The next round: when the socket has drained, or with the next turn of the loop when it has taken everything. */
  #goOn(sink: BatchSink): void {
    const laggard = this.#deps.laggards.of(sink);
    // Who only waits for its turn is told when it comes.
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

  /** Somebody may wait for it. */
  #reached(subscription: Subscription, offset: number): void {
    for (const waiter of this.#waiting) {
      const target = waiter.targets.get(subscription);
      if (target === undefined || offset < target) continue;
      waiter.targets.delete(subscription);
      if (waiter.targets.size > 0) continue;
      this.#waiting.delete(waiter);
      waiter.done();
    }
  }
}
