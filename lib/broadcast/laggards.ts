import type { ByteLedger } from '../memory/byte-ledger.js';
import type { Subscription } from '../topic/subscription.js';
import type { BatchSink } from '../wire/batch.js';
import type { Clock } from '../time/clock.js';

/** Checks of a connection during the grace time. A stall of this process counts as one check. */
const LOOKS = 4;

/** Sink that should make progress. */
interface Stalled {
  readonly sink: BatchSink;
  /** Checks since its socket last sent anything. */
  idle: number;
  /** Value of the sink's `left` at the last check. */
  left: number;
}

/** Connection with subscriptions that are behind. */
export interface Laggard extends Stalled {
  /** Subscriptions in the order in which they are served. */
  readonly subscriptions: Set<Subscription>;
}

/**
 * Connections that are behind, and connections whose next answer waits until the client has read the earlier ones. A
 * connection is closed if its socket sends nothing and its client acknowledges nothing during the grace time. A
 * connection with some progress is only slow, and stays. When the memory kept for all slow connections exceeds the
 * budget, those with the most are ended.
 */
export class Laggards {
  readonly #bySink = new Map<BatchSink, Laggard>();
  /** Connections that have caught up while their socket is busy. They may be behind again before it drains. */
  readonly #busy = new Map<BatchSink, Laggard>();
  /** Connections whose answers wait, behind or not. */
  readonly #answering = new Map<BatchSink, Stalled>();
  readonly #clock: Clock;
  readonly #grace: number;
  readonly #budget: ByteLedger;
  readonly #sinks: () => Iterable<BatchSink>;
  #timer: unknown;
  #relief: unknown;

  /**
   * @param grace milliseconds
   * @param budget ledger of the memory kept for slow connections; its owner calls {@link relieve} when the budget is
   *   exceeded
   * @param sinks sinks of all connections, because a connection that does not read its replies is slow without being
   *   behind
   */
  constructor(clock: Clock, grace: number, budget: ByteLedger, sinks: () => Iterable<BatchSink>) {
    this.#clock = clock;
    this.#grace = grace;
    this.#budget = budget;
    budget.whenExceeded(this.relieve);
    this.#sinks = sinks;
  }

  get size(): number {
    return this.#bySink.size;
  }

  of(sink: BatchSink): Laggard | undefined {
    return this.#bySink.get(sink);
  }

  /** Iterates over all subscriptions that are behind. */
  *subscriptions(): Generator<Subscription, void> {
    for (const { subscriptions } of this.#bySink.values()) yield* subscriptions;
  }

  add(subscription: Subscription): Laggard {
    const { sink } = subscription;
    let laggard = this.#bySink.get(sink);
    if (laggard === undefined) {
      laggard = this.#busy.get(sink) ?? { sink, subscriptions: new Set(), idle: 0, left: -1 };
      this.#busy.delete(sink);
      this.#bySink.set(sink, laggard);
    }
    laggard.subscriptions.add(subscription);
    this.#lookLater();
    return laggard;
  }

  /** Starts the grace time of a sink whose answers wait, again if it has begun. */
  watch(sink: BatchSink): void {
    this.#answering.set(sink, { sink, idle: 0, left: -1 });
    this.#lookLater();
  }

  unwatch(sink: BatchSink): void {
    this.#answering.delete(sink);
  }

  /** Removes a subscription that has caught up or ended. */
  delete(subscription: Subscription): void {
    const { sink } = subscription;
    const laggard = this.#bySink.get(sink);
    if (laggard === undefined) return;
    laggard.subscriptions.delete(subscription);
    if (laggard.subscriptions.size > 0) return;
    this.#bySink.delete(sink);
    if (isBusy(sink)) this.#busy.set(sink, laggard);
  }

  /** Notes that a busy socket has drained. */
  drained(sink: BatchSink): void {
    this.#busy.delete(sink);
  }

  /** Ends the connections with the most kept memory until the budget holds again, at the end of this loop turn. */
  readonly relieve = (): void => {
    this.#relief ??= this.#clock.setImmediate(this.#evict);
  };

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#clock.clearImmediate(this.#relief);
    this.#timer = this.#relief = undefined;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    for (const laggard of this.#bySink.values()) if (looksFrozen(laggard)) laggard.sink.tooSlow();
    for (const answering of this.#answering.values()) if (looksFrozen(answering)) answering.sink.tooSlow();
    for (const laggard of this.#busy.values()) {
      looksFrozen(laggard);
      if (!isBusy(laggard.sink)) this.#busy.delete(laggard.sink);
    }
    if (this.#bySink.size + this.#busy.size + this.#answering.size > 0) this.#lookLater();
  };

  #lookLater(): void {
    this.#timer ??= this.#clock.setTimeout(this.#look, this.#grace / LOOKS);
  }

  readonly #evict = (): void => {
    this.#relief = undefined;
    const offenders: { sink: BatchSink; bytes: number }[] = [];
    for (const sink of this.#sinks()) {
      const bytes = this.#bytesKeptFor(sink);
      if (bytes > 0) offenders.push({ sink, bytes });
    }
    offenders.sort((a, b) => b.bytes - a.bytes);
    for (const { sink } of offenders) {
      if (!this.#budget.exceeded) return;
      const topics = new Set([...(this.#bySink.get(sink)?.subscriptions ?? [])].map(({ topic }) => topic));
      sink.evict();
      for (const topic of topics) topic.trim(this.#clock.now());
    }
  };

  #bytesKeptFor(sink: BatchSink): number {
    let bytes = sink.unsent;
    for (const { topic, cursor } of this.#bySink.get(sink)?.subscriptions ?? [])
      bytes += topic.log.bytesAfter(cursor);
    return bytes;
  }
}

/** Checks a sink once. Returns true if its socket has made no progress during the grace time. */
function looksFrozen(stalled: Stalled): boolean {
  const { left, isStuck } = stalled.sink;
  if (left !== stalled.left) stalled.idle = 0;
  stalled.left = left;
  // A line that has sent everything waits for this process: for a turn, or for the loop.
  if (!isStuck) stalled.idle = 0;
  else stalled.idle++;
  return stalled.idle > LOOKS;
}

function isBusy(sink: BatchSink): boolean {
  return !sink.isReady;
}
