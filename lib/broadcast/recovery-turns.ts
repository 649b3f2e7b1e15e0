import { OldestFirst } from '../topic/oldest-first.js';
import type { Subscription } from '../topic/subscription.js';
import type { BatchSink } from '../wire/batch.js';
import type { Clock } from '../time/clock.js';

/** Longest turn, in milliseconds: after it a slow reader yields to the next. */
const TURN_MS = 1000;

/**
 * Checks of a turn in that time. A stall of this process counts as one check, because no client could read meanwhile.
 */
const LOOKS = 4;

/** Turn of a returning connection, with its returning subscriptions. */
interface Turn {
  readonly sink: BatchSink;
  readonly subscriptions: Set<Subscription>;
  /** Number of checks at the beginning of the turn. */
  begun: number;
}

/**
 * Limits the number of connections that recover at the same time. A turn belongs to a connection, with all its
 * returning subscriptions. It ends when the connection has caught up or disconnected, or after a second. After that,
 * the connection counts as a slow reader: it is served when its socket drains, and delays no other connection.
 */
export class RecoveryTurns {
  readonly #most: number;
  readonly #clock: Clock;
  readonly #begin: (sink: BatchSink) => void;
  /** Turns in the order of arrival; `#waiting` too. */
  readonly #held = new OldestFirst<BatchSink, Turn>();
  readonly #waiting = new OldestFirst<BatchSink, Turn>();
  #looks = 0;
  #timer: unknown;

  /**
   * @param most turns at the same time
   * @param begin called for each sink whose turn begins; it must not serve the sink at once, or turns would end inside
   *   each other
   */
  constructor(most: number, clock: Clock, begin: (sink: BatchSink) => void) {
    this.#most = most;
    this.#clock = clock;
    this.#begin = begin;
  }

  /** Number of connections that have a turn. */
  get held(): number {
    return this.#held.size;
  }

  /** Number of connections that wait for a turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Returns the subscriptions of a waiting connection; undefined if it does not wait. */
  waitingOf(sink: BatchSink): ReadonlySet<Subscription> | undefined {
    return this.#waiting.get(sink)?.subscriptions;
  }

  /**
   * Gives a returning subscription a turn, or makes it wait for one. Returns true if it may be served at once. Each
   * call needs a later call of {@link give}.
   */
  take(subscription: Subscription): boolean {
    const { sink } = subscription;
    const held = this.#held.get(sink);
    const present = held ?? this.#waiting.get(sink);
    if (present !== undefined) {
      present.subscriptions.add(subscription);
      if (held === undefined) subscription.enter('waiting');
      return held !== undefined;
    }
    const turn: Turn = { sink, subscriptions: new Set([subscription]), begun: 0 };
    const isFree = this.#held.size < this.#most;
    if (isFree) this.#hold(turn);
    else {
      this.#waiting.set(sink, turn);
      subscription.enter('waiting');
    }
    return isFree;
  }

  /**
   * Returns a subscription to its wait for a turn, if it waited before it was held. Other subscriptions are not
   * changed.
   */
  resume(subscription: Subscription): void {
    if (this.waitingOf(subscription.sink)?.has(subscription)) subscription.enter('waiting');
  }

  /** Ends the turn or wait of a subscription, if it has one. */
  give(subscription: Subscription): void {
    const { sink } = subscription;
    const turn = this.#held.get(sink) ?? this.#waiting.get(sink);
    if (turn === undefined || !turn.subscriptions.delete(subscription) || turn.subscriptions.size > 0) return;
    this.#waiting.delete(sink);
    if (this.#held.delete(sink)) this.#next();
  }

  /** Ends all turns and waits. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const turn of this.#waiting.values()) this.#endWait(turn);
    for (const { sink } of this.#held.values()) this.#held.delete(sink);
  }

  #next(): void {
    while (this.#held.size < this.#most) {
      const turn = this.#waiting.oldest;
      if (turn === undefined) return;
      this.#endWait(turn);
      this.#hold(turn);
      this.#begin(turn.sink);
    }
  }

  #endWait({ sink, subscriptions }: Turn): void {
    this.#waiting.delete(sink);
    // A subscription that is held meanwhile stays held.
    for (const subscription of subscriptions)
      if (subscription.state === 'waiting') subscription.enter('returning');
  }

  /** Begins a turn. A connection whose socket has no room gets none: it is slow already and would only delay others. */
  #hold(turn: Turn): void {
    if (turn.sink.room <= 0) return;
    turn.begun = this.#looks;
    this.#held.set(turn.sink, turn);
    this.#timer ??= this.#clock.setTimeout(this.#look, TURN_MS / LOOKS);
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    this.#looks++;
    for (const { sink, begun } of this.#held.values()) {
      if (this.#looks - begun <= LOOKS) break;
      this.#held.delete(sink);
    }
    this.#next();
    if (this.#held.size > 0) this.#timer ??= this.#clock.setTimeout(this.#look, TURN_MS / LOOKS);
  };
}
