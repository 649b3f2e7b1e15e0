import { FanoutError } from '../errors/fanout-error.js';
import type { BatchSink } from '../wire/batch.js';
import type { WireFormat } from '../wire/wire-format.js';
import type { Lane } from './topic.js';
import { FIRST_STATE, type SubscriptionState, TRANSITIONS } from './subscription-states.js';
import type { Topic } from './topic.js';

/** Part of a connection that a topic needs. */
export interface Subscriber {
  readonly id: string;
  /** Wire format, fixed for the life of the connection. */
  readonly format: WireFormat;
  readonly sink: BatchSink;
  /**
   * Subscriptions by topic name, kept by the registry, so that a disconnect costs as much as the connection has topics.
   */
  readonly subscriptions: Subscriptions;
}

/** The part of a Map that a topic needs. */
interface Subscriptions {
  readonly size: number;
  get(topic: string): Subscription | undefined;
  set(topic: string, subscription: Subscription): unknown;
  delete(topic: string): boolean;
  values(): Iterable<Subscription>;
}

/**
 * Cause of the end of a subscription: `unsubscribed` by the client's message, `removed` by `unsubscribe()` of the
 * server, `revoked` because a guard or the `@Topic` method refused it when it was asked again, `disconnected` because
 * the client or its line ended the connection, `closed` because the server closed the connection, `shutdown` because
 * the server shuts down.
 */
export type LeaveReason = 'unsubscribed' | 'removed' | 'revoked' | 'disconnected' | 'closed' | 'shutdown';

/** Bits of the marks of a subscription. */
const REQUESTED = 1;
const ANSWERED = 2;
const RENEWABLE = 4;

/** Index of a subscription outside of a lane's list. */
const NO_INDEX = -1;

/**
 * Cursor into the log of a topic: the publications after the cursor are still to be delivered. A subscription has no
 * queue of its own. Its fields change by its methods only.
 */
export class Subscription {
  // A flush reads the first fields. They share a cache line of the processor, because the memory of a connection is
  // cold when a flush comes. For the same reason the sink and the format of the subscriber are copied here.
  #cursor: number;
  readonly sink: BatchSink;
  readonly format: WireFormat;
  readonly subscriber: Subscriber;
  #index = NO_INDEX;
  #lane: Lane;
  #state = FIRST_STATE;
  #lostFrom = 0;
  /** The sum of {@link REQUESTED}, {@link ANSWERED} and {@link RENEWABLE}, as far as they hold: a field for each would cost 16 bytes more. */
  #marks = 0;

  constructor(topic: Topic, subscriber: Subscriber) {
    this.#cursor = topic.log.head;
    this.sink = subscriber.sink;
    this.format = subscriber.format;
    this.#lane = topic.lane;
    this.subscriber = subscriber;
  }

  get topic(): Topic {
    return this.#lane.topic;
  }

  /** Offset of the last publication handed over, or lost. */
  get cursor(): number {
    return this.#cursor;
  }

  /**
   * Offset of the first lost publication that the client was not told about; 0 is none. The loss ends at the cursor.
   */
  get lostFrom(): number {
    return this.#lostFrom;
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** True if every flush hands over the new publications. */
  get live(): boolean {
    return this.#state === 'live';
  }

  /** True if the log serves the subscription, now or at the next turn of its connection. */
  get catchingUp(): boolean {
    return this.#state === 'behind' || this.#state === 'returning' || this.#state === 'waiting';
  }

  /** True if publications go to the client, from a flush or from the log. */
  get served(): boolean {
    return this.live || this.catchingUp;
  }

  /** Lane of the subscription: the subscriptions that are flushed together, at the same rate. */
  get lane(): Lane {
    return this.#lane;
  }

  /** Index in `lane.subscriptions`, or -1. */
  get index(): number {
    return this.#index;
  }

  /** True if the client asked for the subscription, which then counts towards the client's limit. */
  get requested(): boolean {
    return (this.#marks & REQUESTED) !== 0;
  }

  /** True if the client was answered, so that other clients may know of the subscription. */
  get answered(): boolean {
    return (this.#marks & ANSWERED) !== 0;
  }

  /** True if the topic's method gave a snapshot. The method is then called again after a loss. */
  get renewable(): boolean {
    return (this.#marks & RENEWABLE) !== 0;
  }

  /** Counts the publications up to offset `to` as handed over. Never sets the cursor back. */
  advance(to: number): void {
    if (to > this.#cursor) this.#cursor = to;
  }

  /** Sets the cursor to the position of a returning client, nearly always an earlier one. */
  rewind(to: number): void {
    this.#cursor = to;
  }

  /** Counts the publications after the cursor, up to offset `to`, as lost. The client is still to be told. */
  lose(to: number): void {
    this.#lostFrom ||= this.#cursor + 1;
    this.advance(to);
  }

  /** Notes that the client was told about the loss, in a gap frame. */
  lossTold(): void {
    this.#lostFrom = 0;
  }

  /**
   * Changes the state. Entering the present state again changes nothing.
   * @throws FanoutError FANOUT_SUBSCRIPTION_STATE for a transition that is not in {@link TRANSITIONS}
   */
  enter(state: SubscriptionState): void {
    if (state === this.#state) return;
    if (!TRANSITIONS[this.#state].includes(state))
      throw new FanoutError('FANOUT_SUBSCRIPTION_STATE', this.topic.name, this.#state, state);
    this.#state = state;
  }

  /** Notes the lane. Called by the topic only. */
  changeLane(lane: Lane): void {
    this.#lane = lane;
  }

  /** Notes the index in the lane's list. Called by the lane only. */
  moveTo(index: number): void {
    this.#index = index;
  }

  /** Notes that the subscription has left the lane's list. Called by the lane only. */
  leaveList(): void {
    this.#index = NO_INDEX;
  }

  /** Notes that the client asked for the subscription. */
  markRequested(): void {
    this.#marks |= REQUESTED;
  }

  /** Notes that the client was answered. */
  markAnswered(): void {
    this.#marks |= ANSWERED;
  }

  /** Notes whether the topic's method can be called for a new snapshot. */
  markRenewable(isRenewable: boolean): void {
    this.#marks = isRenewable ? this.#marks | RENEWABLE : this.#marks & ~RENEWABLE;
  }
}
