import { reachOf } from '../topic/topic.js';
import type { Subscription } from '../topic/subscription.js';

/** Share of the limit in which a line must be able to read what waits for it, or what is too old is skipped. */
const MADE_UP_SHARE = 1 / 4;

/** After a skip publications are at most as old as this share of what the line leaves of the limit. */
const FRESH_SHARE = 1 / 2;

/** Bounds the age of publications when a client that is behind reads them. */
export class AgeLimit {
  readonly #lag: number;
  readonly #now: () => number;
  /** Newest flushed offset at the time when a client came back: what is older was missed because the client was away. */
  readonly #awayUntil = new WeakMap<Subscription, number>();

  /** @param lag milliseconds that publications may take to a client; 0 is no limit */
  constructor(lag: number, now: () => number) {
    this.#lag = lag;
    this.#now = now;
  }

  /** Notes that the client has come back: publications flushed by now may be as old as they are. */
  cameBack(subscription: Subscription): void {
    this.#awayUntil.set(subscription, subscription.lane.flushed);
  }

  /** Notes that the client has everything. */
  caughtUp(subscription: Subscription): void {
    this.#awayUntil.delete(subscription);
  }

  /** Whether the next publication would reach its client later than the limit, and the line is too slow to make up for it. */
  isExceeded(subscription: Subscription): boolean {
    const { topic, cursor, sink, lane } = subscription;
    const lag = this.#lag;
    if (lag === 0 || topic.conflates || cursor >= lane.flushed) return false;
    if (cursor < (this.#awayUntil.get(subscription) ?? 0)) return false;
    const age = this.#now() - topic.log.at(cursor + 1).at;
    return age + sink.lag > lag && topic.log.bytesAfter(cursor) > sink.rate * lag * MADE_UP_SHARE;
  }

  /** The cursor from which on publications are kept, and are young enough that not every next one is too old again. */
  freshAfter({ topic, cursor, sink, lane }: Subscription): number {
    const lag = this.#lag;
    const reach = Math.max(reachOf(topic), cursor);
    // Of a line of which nothing is known, none is too old.
    if (lag === 0 || topic.conflates || sink.rate === Infinity) return reach;
    const since = this.#now() - Math.max(0, lag - sink.lag) * FRESH_SHARE;
    let low = reach;
    let high = Math.max(reach, lane.flushed);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (topic.log.at(middle + 1).at < since) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
