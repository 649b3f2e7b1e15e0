import type { BatchSink } from '../wire/batch.js';
import type { WireFormat } from '../wire/json-format.js';
import { TopicLog } from './topic-log.js';

/** What a topic needs of a connection. The rest of a connection is none of its business. */
export interface Subscriber {
  readonly id: string;
  /** Fixed for the life of the connection. */
  readonly format: WireFormat;
  readonly sink: BatchSink;
  /** By topic name; kept by {@link TopicRegistry}, so that a disconnect costs as much as the connection has topics. */
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

/** A cursor into a topic's log: what follows it is still to be delivered. It has no queue of its own. */
export class Subscription {
  // What a flush reads comes first, so that it is in one line of the processor's cache: a flush finds nothing of a
  // connection there. For the same reason the subscriber's sink and format are kept here too.
  /** Offset of the last publication handed over. */
  cursor: number;
  readonly sink: BatchSink;
  readonly format: WireFormat;
  readonly topic: Topic;
  readonly subscriber: Subscriber;
  /** Place in `topic.subscriptions`, or -1 while held. */
  index = -1;
  /** Whether the client asked for it, so that it counts towards its limit. */
  requested = false;

  constructor(topic: Topic, subscriber: Subscriber) {
    this.cursor = topic.log.head;
    this.sink = subscriber.sink;
    this.format = subscriber.format;
    this.topic = topic;
    this.subscriber = subscriber;
  }

  /** Held: the client is not answered yet. The log keeps what follows the cursor, and nothing is delivered. */
  get held(): boolean {
    return this.index < 0;
  }
}

/** How much a topic remembers for clients that come back. */
export interface TopicHistory {
  /** Publications kept after they were delivered; 0 keeps none. */
  readonly size: number;
}

/** Most bytes of log kept for subscriptions that wait for an answer. A handler that takes longer costs its client a gap. */
const HELD_BYTES = 1024 * 1024;

/** One concrete topic: its log and who listens. Exists while somebody does, or while it has history. */
export class Topic {
  readonly log: TopicLog;
  /** Live subscriptions, in no order. */
  readonly subscriptions: Subscription[] = [];
  /** Subscriptions that wait for their answer; see {@link Subscription.held}. */
  readonly held = new Set<Subscription>();
  /** Offset of the newest publication that a flush hands out or has handed out. */
  flushed = 0;
  /** Offset up to which every live subscription has been served. */
  settled = 0;
  /** Bytes appended since the last flush began. */
  pendingBytes = 0;
  /** Whether the flush scheduler has the topic on its list. */
  dirty = false;
  /** Where among the subscriptions the next walk begins: 0 at the head of the list, up to but without 1. */
  place = 0;
  /** Live subscriptions that have left so far: each may have put another one into its place. */
  departures = 0;

  constructor(
    readonly name: string,
    epoch: string,
    readonly history: TopicHistory,
  ) {
    this.log = new TopicLog(epoch);
  }

  /** `<epoch>:<offset>` of the newest publication. */
  get position(): string {
    return positionOf(this.log.epoch, this.log.head);
  }

  /** Whether nobody listens and nobody waits to. */
  get vacant(): boolean {
    return this.subscriptions.length === 0 && this.held.size === 0;
  }

  append(json: string, bytes: number, except?: string): void {
    this.log.append(json, bytes, except);
    this.pendingBytes += bytes;
  }

  /**
   * Everything published so far is being handed out: a subscription that comes to life from now on catches up with it
   * by itself. Returns the offset of the newest publication.
   */
  handOut(): number {
    return (this.flushed = this.log.head);
  }

  /** Every live subscription has what was published up to `offset`: forgets what nobody needs any more. */
  settle(offset: number): void {
    this.settled = Math.max(this.settled, offset);
    let first = offset + 1;
    if (this.log.bytes <= HELD_BYTES) for (const { cursor } of this.held) first = Math.min(first, cursor + 1);
    this.log.dropBefore(Math.min(first, this.log.head - this.history.size + 1));
  }

  activate(subscription: Subscription): void {
    this.held.delete(subscription);
    subscription.index = this.subscriptions.push(subscription) - 1;
  }

  remove(subscription: Subscription): void {
    if (this.held.delete(subscription) || subscription.held) return;
    const last = this.subscriptions.pop()!;
    if (last !== subscription) {
      this.subscriptions[subscription.index] = last;
      last.index = subscription.index;
    }
    subscription.index = -1;
    this.departures++;
  }
}

/** A position as it goes over the wire. */
export function positionOf(epoch: string, offset: number): string {
  return `${epoch}:${offset}`;
}

/** The offset that `position` names in this epoch, or undefined when it is of another one or no position at all. */
export function offsetIn(epoch: string, position: string): number | undefined {
  const at = position.lastIndexOf(':');
  const digits = position.slice(at + 1);
  if (at < 0 || position.slice(0, at) !== epoch || !/^\d{1,16}$/.test(digits)) return undefined;
  const offset = Number(digits);
  return Number.isSafeInteger(offset) ? offset : undefined;
}
