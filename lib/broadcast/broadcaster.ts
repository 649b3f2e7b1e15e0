import type { Close } from '../errors/close-codes.js';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { TopicData } from '../topic/topics.js';
import type { Member } from './membership.js';

/**
 * Place in a topic's log: `'<epoch>:<offset>'`. Opaque to clients; positions of different epochs cannot be compared.
 */
export type Position = string;

/** Published value with its offset in the topic. */
export interface Publication<T = unknown> {
  readonly offset: number;
  readonly data: T;
}

/** Result of {@link Broadcaster.history}. */
export interface History<T = unknown> {
  readonly publications: Publication<T>[];
  /** Newest position of the topic. */
  readonly position: Position;
  /** True if no publication after `since` is missing; without `since`, if nothing was ever dropped. */
  readonly complete: boolean;
}

/** Backlog of a topic's subscribers in this process; see {@link Broadcaster.pressure}. */
export interface Pressure {
  /** Number of subscriptions whose socket is too busy for new publications, or that are catching up. */
  readonly slow: number;
  /** Bytes of waiting payload: for the next flush, and for each slow subscription its backlog. */
  readonly queuedBytes: number;
  /** Milliseconds since the oldest waiting publication was published; 0 without any. */
  readonly oldestMs: number;
}

/** Connection by its id, or every connection of a user by the user's id. */
export type Target = { readonly connection: string } | { readonly user: string | number };

/** Code and reason of a close; the reason is empty by default. */
export type CloseRequest = Pick<Close, 'code'> & Partial<Close>;

/** Options of one publication. */
export interface PublishOptions {
  /** Connection to exclude, itself or its id: usually the connection whose message caused the publication. */
  readonly except?: string | { readonly id: string };
  /**
   * Milliseconds after which the publication is out of date. A subscriber that has not been sent it by then gets a gap
   * in its place. A number above 0 and up to 2,147,483,647. @default none: the publication is sent as long as it is
   * kept
   */
  readonly ttl?: number;
  /**
   * Key that prevents a second publication by mistake. A second call with the same key on the same topic publishes
   * nothing, whatever its data and other options, and returns the result of the first. 1 to 255 characters. A key is
   * remembered for five minutes, in this process, or until 50,000 others have followed. A publication that threw has
   * not used its key; a publication without subscribers has. @default none
   */
  readonly idempotencyKey?: string;
}

/**
 * Publishes to the subscribers of topics. Inject it anywhere. It works before the server listens, and in an application
 * without a server.
 */
export abstract class Broadcaster {
  /**
   * Publishes `data` to the subscribers of a topic. Serialises once for any number of subscribers, and returns at once;
   * the batch leaves with the next flush. A topic without subscribers is not an error. In production its payload is
   * then not checked: see option `publishing.check`.
   * @returns number of subscribers in this process; with a used idempotency key, the number of the first call
   * @throws FanoutError FANOUT_TOPIC_NAME, FANOUT_PAYLOAD, FANOUT_PAYLOAD_SIZE, FANOUT_CONFLATION_KEY,
   *   FANOUT_PUBLISH_OPTION; nothing was published then
   */
  abstract publish<Name extends string>(topic: Name, data: TopicData<Name>, options?: PublishOptions): number;

  /**
   * Like {@link publish}; resolves with the position once the bus has the publication. Without a bus, that is at once.
   * With a used idempotency key, it is the position of the first call.
   */
  abstract publishConfirmed<Name extends string>(
    topic: Name,
    data: TopicData<Name>,
    options?: PublishOptions,
  ): Promise<Position>;

  /**
   * Flushes pending publications at once. Resolves when everything published before has left this process for the
   * kernel. A client that has stopped reading delays that until it is closed as slow or lost.
   */
  abstract flush(): Promise<void>;

  /** Returns the number of subscribed connections in this process. @throws FanoutError FANOUT_TOPIC_NAME */
  abstract subscribers(topic: string): number;

  /** Resolves with the newest position of a topic. Rejects with FanoutError FANOUT_TOPIC_NAME. */
  abstract position(topic: string): Promise<Position>;

  /**
   * Returns the publications of a topic with history (see `@Topic`), oldest first.
   * @param since leaves out everything up to this position
   * @returns a promise, which rejects with FanoutError FANOUT_TOPIC_NAME
   */
  abstract history<Name extends string>(topic: Name, since?: Position): Promise<History<TopicData<Name>>>;

  /**
   * Tells how far the subscribers of a topic are behind. A publisher that can wait, or leave publications out, should
   * do so when this grows.
   * @throws FanoutError FANOUT_TOPIC_NAME
   */
  abstract pressure(topic: string): Pressure;

  /**
   * Returns the members of a topic with presence (see `@Topic`), in no order; an empty list for another topic. Knows
   * the subscribers of this process only.
   * @returns a promise, which rejects with FanoutError FANOUT_TOPIC_NAME
   */
  abstract presence(topic: string): Promise<Member[]>;

  /**
   * Closes the connections of a target, after everything sent to them.
   * @param close code and reason. @default CLOSE.REMOVED
   * @returns a promise of the number of connections, which rejects with FanoutError FANOUT_TARGET, FANOUT_CLOSE
   */
  abstract disconnect(target: Target, close?: CloseRequest): Promise<number>;

  /**
   * Ends the subscription of a target to a topic, and tells its clients with an `unsubscribed` frame. The subscription
   * to the presence of the topic ends too, because it requires the topic.
   * @returns a promise of the number of connections that had one of the two, which rejects with FanoutError
   *   FANOUT_TARGET, FANOUT_TOPIC_NAME
   */
  abstract unsubscribe(target: Target, topic: string): Promise<number>;
}

/** Longest ttl: the largest delay of a timer, 24.8 days. */
const MOST_TTL = 2 ** 31 - 1;

/** Longest idempotency key in characters. Keys are kept in memory, and a longer key is probably a payload. */
const MOST_KEY_LENGTH = 255;

/** Checked options of one publication. */
export interface PublishTerms {
  /** Id of the excluded connection. */
  readonly except: string | undefined;
  /** Milliseconds until the publication is out of date; 0 is never. */
  readonly ttl: number;
  /** Idempotency key. */
  readonly key: string | undefined;
}

/** Checks the options of a publication. @throws FanoutError FANOUT_PUBLISH_OPTION */
export function publishTerms({ except, ttl, idempotencyKey }: PublishOptions): PublishTerms {
  return {
    except: typeof except === 'object' ? except.id : except,
    ttl: ttl === undefined ? 0 : checkedTtl(ttl),
    key: idempotencyKey === undefined ? undefined : checkedKey(idempotencyKey),
  };
}

function checkedTtl(ttl: unknown): number {
  if (typeof ttl === 'number' && ttl > 0 && ttl <= MOST_TTL) return ttl;
  const range = `a number of milliseconds above 0 and up to ${MOST_TTL}`;
  throw new FanoutError('FANOUT_PUBLISH_OPTION', 'ttl', range, shown(ttl));
}

function checkedKey(key: unknown): string {
  if (typeof key === 'string' && key.length > 0 && key.length <= MOST_KEY_LENGTH) return key;
  const form = `a string of 1 to ${MOST_KEY_LENGTH} characters`;
  throw new FanoutError('FANOUT_PUBLISH_OPTION', 'idempotencyKey', form, shown(key));
}
