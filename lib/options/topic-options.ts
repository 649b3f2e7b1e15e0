import type { Connection } from '../connection/connection.js';
import type { SlowPolicy, TopicPolicy } from '../topic/topic-policy.js';

/** What a topic remembers. Whichever bound is reached first forgets the oldest publication. */
export interface TopicHistoryOptions {
  /** Publications kept. 0 keeps none. Each costs its JSON in memory, for each concrete topic. No default. */
  size: number;
  /** Milliseconds since a publication after which it is forgotten, at least 1. @default 300000 */
  ttl?: number;
  /** Bytes of payload kept, at least 1. @default 1048576 */
  bytes?: number;
}

/** Who is told about whom on `<topic>~presence`. */
export interface PresenceOptions {
  /**
   * What the others see of a member beside the id of its user; has to have a JSON form, of at most 16,384 bytes and
   * half of `slowConsumer.maxBytes`. It is called for the first connection of each member, and has to answer at once.
   * A member for whom it throws has no info, and that is logged. No default: the others see nothing more.
   */
  info?: (connection: Connection) => unknown;
  /** Milliseconds that changes are gathered before they are published. 0 gathers those of one turn of the event loop. @default 200 */
  debounce?: number;
  /** Members above which only their number is published. 0 never publishes more than the number. @default 1000 */
  members?: number;
}

/** Options of one `@Topic`. An unknown name is refused. `Data` is the type of a payload. */
export interface TopicOptions<Data = any> {
  /**
   * Publications kept for clients that come back with `since`, and for `Broadcaster.history()`; a number is a size.
   * 0 keeps none. @default 0
   */
  history?: number | TopicHistoryOptions;
  /**
   * What becomes of a subscriber that is further behind than `slowConsumer.maxBytes`: `catch-up` goes on at the oldest
   * publication that is kept, after a `gap`; `gap` goes on at the newest, with the snapshot if there is one; `conflate`
   * gets the newest publication of each key and needs `conflate`; `disconnect` closes with `CLOSE.SLOW`.
   * @default slowConsumer.policy, or 'conflate' with conflate
   */
  slow?: SlowPolicy;
  /**
   * A newer publication makes an older one worthless: true keeps the newest only, a function the newest of each key it
   * gives. Then a subscriber may miss what was replaced, and is told of no gap; the newest always arrives. The function
   * gets the data as published, once for each publication, so it should be fast. No default: every publication counts.
   */
  conflate?: true | ((data: Data) => string | number);
  /**
   * Milliseconds between two flushes of this topic, for everybody; what was replaced meanwhile is not sent. 0 conflates
   * for slow subscribers only. Needs `conflate`. @default 0
   */
  every?: number;
  /**
   * Tells on `<topic>~presence` who is subscribed, and answers `Broadcaster.presence()`; true takes the defaults, a
   * function is `info`. Costs an entry for each member, and a publication for changes within `debounce`.
   * No default: nobody is told.
   */
  presence?: true | ((connection: Connection) => unknown) | PresenceOptions;
}

/** The options of one `@Topic` with every default in place, frozen. */
export interface ResolvedTopicOptions extends Omit<TopicPolicy, 'slow'> {
  /** Undefined where `slowConsumer.policy` decides: a decorator does not know it. */
  readonly slow: SlowPolicy | undefined;
}
