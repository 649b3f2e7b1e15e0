import type { BatchSink } from '../wire/batch.js';
import type { WireFormat } from '../wire/json-format.js';
import type { Lane } from './lane.js';
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

/** Places of a subscription that is in no lane's list. */
export const HELD = -1;
export const BEHIND = -2;

/**
 * A cursor into a topic's log: what follows it is still to be delivered. It has no queue of its own. It is held until its
 * client is answered, then live; behind while its socket is busy or catches up.
 */
export class Subscription {
  // What a flush reads comes first, so that it is in one line of the processor's cache: a flush finds nothing of a
  // connection there. For the same reason the subscriber's sink and format are kept here too.
  /** Offset of the last publication handed over. */
  cursor: number;
  readonly sink: BatchSink;
  readonly format: WireFormat;
  readonly topic: Topic;
  readonly subscriber: Subscriber;
  /** Place in `lane.subscriptions`, or HELD or BEHIND. Only the topic and its lanes write it. */
  index = HELD;
  /** Those it is flushed with, and at which rate. */
  lane: Lane;
  /** Whether the client asked for it, so that it counts towards its limit. */
  requested = false;
  /** Whether the client was answered, so that others may know of it. */
  answered = false;
  /** Offset of the first publication before the cursor that was lost and of which its client was not told; 0 is none. */
  lostFrom = 0;
  /** Whether the topic's method gave it a snapshot, so that it is asked again when publications are lost. */
  snapshot = false;

  constructor(topic: Topic, subscriber: Subscriber) {
    this.cursor = topic.log.head;
    this.sink = subscriber.sink;
    this.format = subscriber.format;
    this.topic = topic;
    this.lane = topic.lane;
    this.subscriber = subscriber;
  }

  /** The client is not answered yet. The log keeps what follows the cursor, and nothing is delivered. */
  get held(): boolean {
    return this.index === HELD;
  }

  /** It is served from the log, as its socket takes it. */
  get behind(): boolean {
    return this.index === BEHIND;
  }

  /** Every flush hands it what is new. */
  get live(): boolean {
    return this.index >= 0;
  }
}
