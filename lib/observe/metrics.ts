import type { Counters } from './counters.js';
import type { Load, Overload } from './load.js';
import type { RejectionCause, Rejections } from './rejections.js';

/** Counts of one application since its start, at one moment. No count goes down. See {@link FanoutMetrics.snapshot}. */
export interface MetricsSnapshot {
  /**
   * Publications that `Broadcaster.publish` has accepted, those of presence and of sources included. A publication that reaches
   * nobody counts, a repetition of an idempotency key does not.
   */
  readonly publications: number;
  /** Publications written to the sockets of subscribers: ten publications to a hundred subscribers are a thousand deliveries. */
  readonly deliveries: number;
  /**
   * Bytes written to sockets by this library: publications, answers, messages of `Connection.send` and pings, with their frame
   * headers. Without the frames that `ws` writes itself: close frames, pongs, and messages of `client.send`.
   */
  readonly bytes: number;
  /** System calls for these bytes, at the least: the system may need several for a large write. */
  readonly socketWrites: number;
  /**
   * Encodings of publications as frames. Subscribers share an encoding, so this number grows with the flushes and not with the
   * subscribers.
   */
  readonly encodes: number;
  /** Flushes. */
  readonly flushes: number;
  /** Time of the event loop that flushes have taken, in milliseconds. The share of the loop is the growth of this number. */
  readonly flushMs: number;
  /** Messages of clients that have arrived whole, refused ones included. Pings and pongs are no messages. */
  readonly messages: number;
  /** Connections that were opened. */
  readonly accepted: number;
  /** Upgrades, messages and connections that were refused, by cause. The same as {@link FanoutMetrics.rejected}. */
  readonly rejected: Readonly<Record<RejectionCause, number>>;
  /**
   * Ended connections by close code: what `handleDisconnect` is given. 1006 is a line that broke. Codes above 1015 that clients
   * make up are counted together, as `other`. A code that never was is not in it.
   */
  readonly closed: Readonly<Record<string, number>>;
  /**
   * Gaps told to clients, by reason: `slow` for publications that a slow client lost, `expired` for publications that were out of
   * date (`ttl`), `except` for publications that exclude a client, which has so lost nothing. `bus` is for losses between
   * processes, and is 0 without a bus.
   */
  readonly gaps: Readonly<Record<'slow' | 'expired' | 'except' | 'bus', number>>;
  /** Number of times that a subscription fell behind, because its socket had no room for a flush. */
  readonly slow: number;
}

/** Counts and states of this application. Inject it. */
export abstract class FanoutMetrics {
  /** Upgrades, messages and connections that were refused since start, by cause. Each read gives a new snapshot. */
  abstract readonly rejected: Readonly<Record<RejectionCause, number>>;

  /**
   * Why new connections and new subscriptions are refused at the moment: `'loop-delay'` or `'heap'` is above its limit.
   * Undefined when they are let in, and in an application without gateways.
   */
  abstract readonly overload: Overload | undefined;

  /** All counts at this moment. */
  abstract snapshot(): MetricsSnapshot;
}

/** @internal */
export class ProcessMetrics extends FanoutMetrics {
  readonly #rejections: Rejections;
  readonly #load: Load;
  readonly #counters: Counters;

  constructor(rejections: Rejections, load: Load, counters: Counters) {
    super();
    this.#rejections = rejections;
    this.#load = load;
    this.#counters = counters;
  }

  get rejected(): Readonly<Record<RejectionCause, number>> {
    return this.#rejections.counts;
  }

  get overload(): Overload | undefined {
    return this.#load.overload;
  }

  snapshot(): MetricsSnapshot {
    const { closes, gaps, ...counts } = this.#counters;
    return { ...counts, gaps: { ...gaps }, rejected: this.rejected, closed: Object.fromEntries(closes) };
  }
}
