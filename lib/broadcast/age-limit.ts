import { reachOf } from '../topic/topic.js';
import type { Subscription } from '../topic/subscription.js';

/**
 * Share of the limit in which a line must be able to read the backlog. On a slower line, old publications are skipped.
 */
const MADE_UP_SHARE = 1 / 4;

/** Greatest age after a skip, as a share of the limit without the line's lag. */
const FRESH_SHARE = 1 / 2;

/** Limits the age of publications at the time when a client that is behind reads them. */
export class AgeLimit {
  readonly #lag: number;
  readonly #now: () => number;
  /** Newest flushed offset at the return of a client. Earlier publications were missed while the client was away. */
  readonly #awayUntil = new WeakMap<Subscription, number>();

  /** @param lag milliseconds that publications may take to a client; 0 is no limit */
  constructor(lag: number, now: () => number) {
    this.#lag = lag;
    this.#now = now;
  }

  /** Notes the return of a client: publications flushed before may be of any age. */
  cameBack(subscription: Subscription): void {
    this.#awayUntil.set(subscription, subscription.lane.flushed);
  }

  /** Notes that the client has caught up. */
  caughtUp(subscription: Subscription): void {
    this.#awayUntil.delete(subscription);
  }

  /**
   * Tells whether the next publication would reach its client after the limit, on a line too slow to make up for it.
   */
  isExceeded(subscription: Subscription): boolean {
    const { topic, cursor, sink, lane } = subscription;
    const lag = this.#lag;
    if (lag === 0 || topic.conflates || cursor >= lane.flushed) return false;
    if (cursor < (this.#awayUntil.get(subscription) ?? 0)) return false;
    const age = this.#now() - topic.log.at(cursor + 1).at;
    return age + sink.lag > lag && topic.log.bytesAfter(cursor) > sink.rate * lag * MADE_UP_SHARE;
  }

  /**
   * Returns the lowest cursor whose next publications are kept, and young enough to stay within the limit for a while.
   */
  freshAfter({ topic, cursor, sink, lane }: Subscription): number {
    const lag = this.#lag;
    const reach = Math.max(reachOf(topic), cursor);
    // On an unknown line no publication counts as too old.
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
