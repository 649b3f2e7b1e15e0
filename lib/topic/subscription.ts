import { FanoutError } from '../errors/fanout-error.js';
import type { BatchSink } from '../wire/batch.js';
import type { WireFormat } from '../wire/json-format.js';
import type { Lane } from './topic.js';
import { FIRST_STATE, type SubscriptionState, TRANSITIONS } from './subscription-states.js';
import type { Topic } from './topic.js';

/** What a topic needs of a connection. The rest of a connection is none of its business. */
export interface Subscriber {
  readonly id: string;
  /** Fixed for the life of the connection. */
  readonly format: WireFormat;
  readonly sink: BatchSink;
  /** By topic name; kept by the registry, so that a disconnect costs as much as the connection has topics. */
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
 * server, `revoked` because a guard or the `@Topic` method refused it when it was asked again, `disconnected` because the
 * client or its line ended the connection, `closed` because the server closed the connection, `shutdown` because the
 * server goes down.
 */
export type LeaveReason = 'unsubscribed' | 'removed' | 'revoked' | 'disconnected' | 'closed' | 'shutdown';

/** Index of a subscription that is in no lane's list. */
const NO_INDEX = -1;

/**
 * Cursor into the log of a topic: the publications after the cursor are still to be delivered. A subscription has no queue
 * of its own. It owns its fields: other files change them by its methods only.
 */
export class Subscription {
  // A flush reads the first fields. They share a line of the processor's cache, because the memory of a connection is cold
  // when a flush comes. For the same reason the sink and the format of the subscriber are kept here too.
  #cursor: number;
  readonly sink: BatchSink;
  readonly format: WireFormat;
  readonly subscriber: Subscriber;
  #index = NO_INDEX;
  #lane: Lane;
  #state = FIRST_STATE;
  #lostFrom = 0;
  #requested = false;
  #answered = false;
  #renewable = false;

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

  /** Offset of the first lost publication of which the client was not told; 0 is none. The loss ends at the cursor. */
  get lostFrom(): number {
    return this.#lostFrom;
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** Whether every flush hands over the new publications. */
  get live(): boolean {
    return this.#state === 'live';
  }

  /** Whether the log serves the subscription, now or when its connection has a turn. */
  get catchingUp(): boolean {
    return this.#state === 'behind' || this.#state === 'returning' || this.#state === 'waiting';
  }

  /** Whether publications go to the client, from a flush or from the log. */
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

  /** Whether the client asked for the subscription: it then counts towards the client's limit. */
  get requested(): boolean {
    return this.#requested;
  }

  /** Whether the client was answered: other clients may then know of the subscription. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Whether the topic's method gave a snapshot: the method is then asked again when publications are lost. */
  get renewable(): boolean {
    return this.#renewable;
  }

  /** Counts the publications up to offset `to` as handed over. Never sets the cursor back. */
  advance(to: number): void {
    if (to > this.#cursor) this.#cursor = to;
  }

  /** Sets the cursor to the position from which a client goes on, which is nearly always an earlier one. */
  rewind(to: number): void {
    this.#cursor = to;
  }

  /** Counts the publications after the cursor, up to offset `to`, as lost. The client is still to be told. */
  lose(to: number): void {
    this.#lostFrom ||= this.#cursor + 1;
    this.advance(to);
  }

  /** Counts the loss as told: a gap went to the client. */
  lossTold(): void {
    this.#lostFrom = 0;
  }

  /**
   * Changes the state. To enter the present state again changes nothing.
   * @throws FanoutError FANOUT_SUBSCRIPTION_STATE when {@link TRANSITIONS} does not have the transition
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
    this.#requested = true;
  }

  /** Notes that the client was answered. */
  markAnswered(): void {
    this.#answered = true;
  }

  /** Notes whether the topic's method can be asked for a new snapshot. */
  markRenewable(isRenewable: boolean): void {
    this.#renewable = isRenewable;
  }
}
