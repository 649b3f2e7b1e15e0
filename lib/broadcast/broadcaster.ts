import type { Close } from '../errors/close-codes.js';
import type { TopicData } from '../topic/topics.js';
import type { Member } from './membership.js';

/** A place in a topic's log: `'<epoch>:<offset>'`. Opaque to clients; positions of different epochs cannot be compared. */
export type Position = string;

/** One published value and its offset in the topic. */
export interface Publication<T = unknown> {
  readonly offset: number;
  readonly data: T;
}

/** What {@link Broadcaster.history} gives. */
export interface History<T = unknown> {
  readonly publications: Publication<T>[];
  /** The newest position of the topic. */
  readonly position: Position;
  /** True when nothing after `since` is missing; without `since`, when nothing was ever dropped. */
  readonly complete: boolean;
}

/** How far the subscribers of a topic are behind; see {@link Broadcaster.pressure}. On this process alone. */
export interface Pressure {
  /** Subscriptions whose socket is too busy for what was published, or that are catching up. */
  readonly slow: number;
  /** Bytes of payload that wait: for the next flush, and for each slow subscription what it has not been sent. */
  readonly queuedBytes: number;
  /** Milliseconds since the oldest publication that waits was published; 0 when none does. */
  readonly oldestMs: number;
}

/** One connection by its id, or every connection of a user by the user's id. */
export type Target = { readonly connection: string } | { readonly user: string | number };

/** What a connection is to be closed with; the reason is empty by default. */
export type CloseRequest = Pick<Close, 'code'> & Partial<Close>;

/** Options of one publication. */
export interface PublishOptions {
  /** The connection that does not get it, itself or its id: usually the one whose message caused it. */
  readonly except?: string | { readonly id: string };
  /**
   * Milliseconds after which it is no longer worth sending: who has not been sent it by then gets a gap in its place. A
   * number above 0 and up to 2,147,483,647. @default none: it is sent as long as it is kept
   */
  readonly ttl?: number;
  /**
   * Names the publication, so that publishing it again by mistake does nothing: a second one on the same topic with the
   * same key publishes nothing, whatever its data and other options, and gives back what the first one gave. 1 to 255
   * characters. A key is remembered for five minutes, in this process, and goes earlier only when 50,000 others came
   * since. A publication that threw has not used its key; one that reached nobody has. @default none
   */
  readonly idempotencyKey?: string;
}

/**
 * Publishes to everybody who is subscribed to a topic. Inject it anywhere; it works before the server listens, and in
 * an application without one.
 */
export abstract class Broadcaster {
  /**
   * Publishes `data` to the subscribers of a topic. Serialises once, however many there are, and returns at once; the
   * batch leaves with the next flush. A topic without subscribers is no error. In production its payload is not checked
   * then: see option `publishing.check`.
   * @returns how many subscribers of this process get it, or got it if the idempotency key was used before
   * @throws FanoutError FANOUT_TOPIC_NAME, FANOUT_PAYLOAD, FANOUT_PAYLOAD_SIZE, FANOUT_CONFLATION_KEY, FANOUT_PUBLISH_OPTION; nothing was
   * published then
   */
  abstract publish<Name extends string>(topic: Name, data: TopicData<Name>, options?: PublishOptions): number;

  /**
   * Like {@link publish}; resolves with the position once the bus has it. Without a bus, that is at once. With an
   * idempotency key that was used before it is the position of then.
   */
  abstract publishConfirmed<Name extends string>(
    topic: Name,
    data: TopicData<Name>,
    options?: PublishOptions,
  ): Promise<Position>;

  /**
   * Flushes what is pending without waiting for the window. Resolves when all that was published before has left
   * this process for the kernel; a peer that stopped reading delays that until it is closed as slow or dead.
   */
  abstract flush(): Promise<void>;

  /** How many connections of this process are subscribed. @throws FanoutError FANOUT_TOPIC_NAME */
  abstract subscribers(topic: string): number;

  /** Resolves with the newest position of a topic. Rejects with FanoutError FANOUT_TOPIC_NAME. */
  abstract position(topic: string): Promise<Position>;

  /**
   * What was published on a topic whose `@Topic` keeps history, oldest first.
   * @param since leave out what is not after this position
   * @returns a promise, which rejects with FanoutError FANOUT_TOPIC_NAME
   */
  abstract history<Name extends string>(topic: Name, since?: Position): Promise<History<TopicData<Name>>>;

  /**
   * How far the subscribers of a topic are behind. A publisher that can wait, or leave out, does so when this grows.
   * @throws FanoutError FANOUT_TOPIC_NAME
   */
  abstract pressure(topic: string): Pressure;

  /**
   * Who is subscribed to a topic whose `@Topic` has `presence`, in no order; nobody for another topic. Knows the
   * subscribers of this process only.
   * @returns a promise, which rejects with FanoutError FANOUT_TOPIC_NAME
   */
  abstract presence(topic: string): Promise<Member[]>;

  /**
   * Closes the connections of a target, after what was sent to them.
   * @param close code and reason. @default CLOSE.REMOVED
   * @returns a promise of how many connections there were, which rejects with FanoutError FANOUT_TARGET, FANOUT_CLOSE
   */
  abstract disconnect(target: Target, close?: CloseRequest): Promise<number>;

  /**
   * Ends the subscription of a target to a topic and tells its clients with an `unsubscribed` frame. With it ends that
   * to the presence of the topic, which is for those who may have the topic.
   * @returns a promise of how many connections were subscribed to either, which rejects with FanoutError FANOUT_TARGET, FANOUT_TOPIC_NAME
   */
  abstract unsubscribe(target: Target, topic: string): Promise<number>;
}
