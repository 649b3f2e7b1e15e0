import type { Connection } from '../connection/connection.js';
import type { SlowPolicy, TopicPolicy } from '../topic/topic-policy.js';

/** Limits of a topic's history. The limit that is reached first drops the oldest publication. */
export interface TopicHistoryOptions {
  /** Most publications. 0 keeps none. Each costs its JSON in memory, for each concrete topic. No default. */
  size: number;
  /** Milliseconds after which a publication is dropped, at least 1. @default 300000 */
  ttl?: number;
  /** Most bytes of payload, at least 1. @default 1048576 */
  bytes?: number;
}

/** Presence of a topic, for `<topic>~presence`. */
export interface PresenceOptions {
  /**
   * Function for the public info of a member, beside the id of its user. The info must have a JSON form, of at most
   * 16,384 bytes and half of `slowConsumer.maxBytes`. The function is called for the first connection of each member,
   * and must return at once. If it throws, the member has no info and the error is logged. No default: members have no
   * info.
   */
  info?: (connection: Connection) => unknown;
  /**
   * Milliseconds over which changes are gathered before they are published. 0 gathers the changes of one turn of the
   * event loop. @default 200
   */
  debounce?: number;
  /** Number of members above which only their number is published. 0 always publishes only the number. @default 1000 */
  members?: number;
}

/** Options of one `@Topic`. An unknown name is refused. `Data` is the type of a payload. */
export interface TopicOptions<Data = any> {
  /**
   * History for clients that return with `since`, and for `Broadcaster.history()`; a number is a size. 0 keeps none.
   * @default 0
   */
  history?: number | TopicHistoryOptions;
  /**
   * Treatment of a subscriber that is further behind than `slowConsumer.maxBytes`: `catch-up` continues at the oldest
   * publication that is kept, after a `gap`; `gap` continues at the newest, with the snapshot if there is one;
   * `conflate` gets the newest publication of each key and needs `conflate`; `disconnect` closes with `CLOSE.SLOW`.
   * @default slowConsumer.policy, or 'conflate' with conflate
   */
  slow?: SlowPolicy;
  /**
   * Conflation: a newer publication replaces older ones. true keeps the newest only, a function the newest of each key
   * that it returns. A subscriber may miss replaced publications, without a gap; the newest always arrives. The
   * function gets the data as published, once for each publication, so it should be fast. No default: every publication
   * counts.
   */
  conflate?: true | ((data: Data) => string | number);
  /**
   * Milliseconds between two flushes of this topic. Publications that were replaced meanwhile are not sent. 0 conflates
   * for slow subscribers only. Needs `conflate`. @default 0
   */
  every?: number;
  /**
   * Presence: publishes the subscribers on `<topic>~presence`, and answers `Broadcaster.presence()`. true takes the
   * defaults, a function is `info`. Costs an entry for each member, and a publication for changes within `debounce`. No
   * default: no presence.
   */
  presence?: true | ((connection: Connection) => unknown) | PresenceOptions;
}

/** Options of one `@Topic` with every default in place, frozen. */
export interface ResolvedTopicOptions extends Omit<TopicPolicy, 'slow'> {
  /** Policy of slow subscribers; undefined if `slowConsumer.policy` decides, which a decorator does not know. */
  readonly slow: SlowPolicy | undefined;
}
