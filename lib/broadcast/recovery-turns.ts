import { OldestFirst } from '../topic/oldest-first.js';
import type { Subscription } from '../topic/subscription.js';
import type { BatchSink } from '../wire/batch.js';
import type { Clock } from '../time/clock.js';

/** How long who reads slowly may keep others waiting, in milliseconds. */
const TURN_MS = 1000;

/** Looks at the turns in that time: a stall of this process counts as one of them, for nobody could read anything then. */
const LOOKS = 4;

/** A connection that comes back, with what it comes back to. */
interface Turn {
  readonly sink: BatchSink;
  readonly subscriptions: Set<Subscription>;
  /** Looks there had been when it began. */
  begun: number;
}

/**
 * Bounds how many connections are given at the same time what they missed. A turn is of a connection, with all that it
 * comes back to. It ends when the connection has caught up or is gone, or after a second: then it is one of those that
 * read slowly, which are served when their sockets drain and keep nobody waiting.
 */
export class RecoveryTurns {
  readonly #most: number;
  readonly #clock: Clock;
  readonly #begin: (sink: BatchSink) => void;
  /** Both in the order of coming. */
  readonly #held = new OldestFirst<BatchSink, Turn>();
  readonly #waiting = new OldestFirst<BatchSink, Turn>();
  #looks = 0;
  #timer: unknown;

  /**
   * @param most turns at the same time
   * @param begin told of each sink whose wait is over; it must not serve it there and then, or one would end in the next
   */
  constructor(most: number, clock: Clock, begin: (sink: BatchSink) => void) {
    this.#most = most;
    this.#clock = clock;
    this.#begin = begin;
  }

  /** Connections that have a turn. */
  get held(): number {
    return this.#held.size;
  }

  /** Connections that wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** What a connection waits with; undefined when it does not wait. */
  waitingOf(sink: BatchSink): ReadonlySet<Subscription> | undefined {
    return this.#waiting.get(sink)?.subscriptions;
  }

  /**
   * Gives a subscription whose client has come back a turn, or makes the subscription wait for one. Returns whether it may
   * be served at once. Each call needs a later call of {@link give}.
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

  /** Makes a subscription wait again for the turn it waited for before it was held. Others are not changed. */
  resume(subscription: Subscription): void {
    if (this.waitingOf(subscription.sink)?.has(subscription)) subscription.enter('waiting');
  }

  /** The subscription has caught up or has ended, or it never had a turn. */
  give(subscription: Subscription): void {
    const { sink } = subscription;
    const turn = this.#held.get(sink) ?? this.#waiting.get(sink);
    if (turn === undefined || !turn.subscriptions.delete(subscription) || turn.subscriptions.size > 0) return;
    this.#waiting.delete(sink);
    if (this.#held.delete(sink)) this.#next();
  }

  /** Nobody's turn comes any more. */
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

  /** Whose socket has no room could only keep others waiting: it is slow already. */
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
