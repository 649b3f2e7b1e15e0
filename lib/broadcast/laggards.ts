import type { ByteLedger } from '../memory/byte-ledger.js';
import type { Subscription } from '../topic/subscription.js';
import type { BatchSink } from '../wire/batch.js';
import type { Clock } from '../time/clock.js';

/** Looks at a connection in the time of its grace: a stall of this process counts as one of them. */
const LOOKS = 4;

/** A socket that should take something. */
interface Stalled {
  readonly sink: BatchSink;
  /** Looks since its socket has taken anything. */
  idle: number;
  /** What its socket had left at the last look. */
  left: number;
}

/** A connection with subscriptions that are behind. */
export interface Laggard extends Stalled {
  /** In the order in which they are served. */
  readonly subscriptions: Set<Subscription>;
}

/**
 * The connections that are behind, and those whose next answer waits until they have read the ones before. One
 * that is given something, and whose socket takes nothing and whose client acknowledges nothing for the time of grace, is
 * closed; one that reads something now and then is only slow, and is not. When all that is kept for slow ones exceeds the
 * budget, the worst go.
 */
export class Laggards {
  readonly #bySink = new Map<BatchSink, Laggard>();
  /** Connections that have caught up with a busy socket: they may be behind again before it takes anything. */
  readonly #busy = new Map<BatchSink, Laggard>();
  /** Those whose answers wait, behind or not. */
  readonly #answering = new Map<BatchSink, Stalled>();
  readonly #clock: Clock;
  readonly #grace: number;
  readonly #budget: ByteLedger;
  readonly #sinks: () => Iterable<BatchSink>;
  #timer: unknown;
  #relief: unknown;

  /**
   * @param grace milliseconds
   * @param budget what is kept for slow connections; whoever made it calls {@link relieve} when it is exceeded
   * @param sinks those of all connections: one may be slow without being behind, when it does not read its replies
   */
  constructor(clock: Clock, grace: number, budget: ByteLedger, sinks: () => Iterable<BatchSink>) {
    this.#clock = clock;
    this.#grace = grace;
    this.#budget = budget;
    this.#sinks = sinks;
  }

  get size(): number {
    return this.#bySink.size;
  }

  of(sink: BatchSink): Laggard | undefined {
    return this.#bySink.get(sink);
  }

  /** All that are behind. */
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

  /** Answers wait for a socket: begins its time of grace, again if it has one. */
  watch(sink: BatchSink): void {
    this.#answering.set(sink, { sink, idle: 0, left: -1 });
    this.#lookLater();
  }

  unwatch(sink: BatchSink): void {
    this.#answering.delete(sink);
  }

  /** The subscription has caught up, or has ended. */
  delete(subscription: Subscription): void {
    const { sink } = subscription;
    const laggard = this.#bySink.get(sink);
    if (laggard === undefined) return;
    laggard.subscriptions.delete(subscription);
    if (laggard.subscriptions.size > 0) return;
    this.#bySink.delete(sink);
    if (isBusy(sink)) this.#busy.set(sink, laggard);
  }

  /** The socket has taken what it was given, and is not behind. */
  drained(sink: BatchSink): void {
    this.#busy.delete(sink);
  }

  /** Ends the worst of them until what is kept is within the budget again; at the end of this loop turn. */
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

/** Counts a look at a socket. Returns whether the socket has taken nothing in the time of grace. */
function looksFrozen(stalled: Stalled): boolean {
  const { left, isStuck } = stalled.sink;
  if (left !== stalled.left) stalled.idle = 0;
  stalled.left = left;
  // A line that has taken all it was given waits for this process: for its turn, or for the loop.
  if (!isStuck) stalled.idle = 0;
  else stalled.idle++;
  return stalled.idle > LOOKS;
}

function isBusy(sink: BatchSink): boolean {
  return !sink.isReady;
}
