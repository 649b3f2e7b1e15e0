import { BufferPool } from '../memory/buffer-pool.js';
import type { Counters } from '../observe/counters.js';
import type { Subscription } from '../topic/subscription.js';
import { reachOf, type Topic } from '../topic/topic.js';
import { type Batch, encodeBatch, type UnsentBatches } from '../wire/batch.js';
import type { LogEntry } from '../wire/log-entry.js';
import { MessageFrames, type Part } from '../wire/message-frames.js';
import { singleOf, type WireFormat } from '../wire/wire-format.js';
import type { Clock } from '../time/clock.js';
import { exceptedIn, missedIn } from './topic-batches.js';
import { beginOf, endOf, segmentOf } from './segment-bounds.js';

/** Milliseconds for which an unused segment is kept. Clients that lost their server return within seconds. */
const LINGER_MS = 1000;

/** Most bytes of segments kept for later readers. */
const MOST_BYTES = 8 * 1024 * 1024;

/** Part of a topic's log, with a frame for each entry. All readers of one format get views of the same memory. */
interface Segment {
  readonly frames: MessageFrames;
  readonly batch: Batch;
  readonly excepted: ReadonlyMap<string, readonly number[]> | undefined;
  /** Time when the first publication in the segment expires, in milliseconds of the process. */
  readonly staleAt: number;
  used: boolean;
}

/**
 * Parts of the logs for subscriptions that recover or are behind, encoded once for all of them, whatever their cursors.
 * When thousands return at once, each history is read once.
 */
export class LogSegments {
  // Not the pool with public statistics, where memory kept for later readers would look like a leak.
  readonly #memory = new BufferPool(0);
  readonly #unsent: UnsentBatches;
  readonly #clock: Clock;
  readonly #counters: Counters;
  /** Segments, least recently used first. */
  readonly #segments = new Map<string, Segment>();
  /** Formats seen so far. The number of a format is part of a segment's key. */
  readonly #formats: WireFormat[] = [];
  #bytes = 0;
  #encoded = 0;
  #timer: unknown;

  constructor(unsent: UnsentBatches, counters: Counters, clock: Clock) {
    this.#unsent = unsent;
    this.#counters = counters;
    this.#clock = clock;
  }

  /** Number of segments encoded so far. */
  get encoded(): number {
    return this.#encoded;
  }

  /**
   * Returns the publications after the cursor of a subscription, up to offset `to`: whole frames of about `limit`
   * bytes, and at least one. Returns undefined if none is left, even for a lower cursor when the rest was conflated
   * away.
   */
  after(subscription: Subscription, to: number, limit: number): Part | undefined {
    const { topic, cursor, subscriber } = subscription;
    const { log, conflates } = topic;
    const next = Math.max(cursor + 1, log.first);
    if (!conflates && next > to) return undefined;
    const format = singleOf(subscription.format);
    const key = `${this.#numberOf(format)}/${conflates ? log.id : segmentOf(log, next)}`;
    const now = this.#clock.now();
    const kept = this.#segments.get(key);
    const fits =
      kept !== undefined &&
      now < kept.staleAt &&
      (conflates ? kept.frames.upTo === to : kept.frames.upTo > cursor);
    if (!fits) this.#drop(key);
    const segment = fits ? kept : this.#encode(format, topic, next, to, now);
    this.#keep(key, segment);
    return segment.frames.after(cursor, limit, segment.excepted?.get(subscriber.id));
  }

  /** Releases all segments. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const key of this.#segments.keys()) this.#drop(key);
  }

  /**
   * Encodes a segment.
   * @param next offset of a publication in it; on a conflating topic the segment has all up to `to`
   */
  #encode(format: WireFormat, topic: Topic, next: number, to: number, now: number): Segment {
    const { log, conflates } = topic;
    const begin = conflates ? reachOf(topic) : beginOf(log, next);
    const end = conflates ? to : endOf(log, next, to);
    const entries = missedIn(topic, begin, end, now);
    const batch = encodeBatch(format, topic, entries, this.#memory);
    this.#encoded++;
    this.#counters.encodes++;
    this.#bytes += batch.bytes;
    return {
      frames: new MessageFrames(batch, format, topic, entries, end, this.#unsent),
      batch,
      excepted: exceptedIn(entries),
      staleAt: staleAt(entries),
      used: true,
    };
  }

  #numberOf(format: WireFormat): number {
    const known = this.#formats.indexOf(format);
    return known >= 0 ? known : this.#formats.push(format) - 1;
  }

  /**
   * Keeps a segment for later readers, and for the present one: its next piece is in it, even if the segment is large.
   */
  #keep(key: string, segment: Segment): void {
    segment.used = true;
    this.#segments.delete(key);
    this.#segments.set(key, segment);
    for (const oldest of this.#segments.keys()) {
      if (this.#bytes <= MOST_BYTES || oldest === key) break;
      this.#drop(oldest);
    }
    this.#timer ??= this.#clock.setTimeout(this.#sweep, LINGER_MS);
  }

  #drop(key: string): void {
    const segment = this.#segments.get(key);
    if (segment === undefined) return;
    this.#segments.delete(key);
    this.#bytes -= segment.batch.bytes;
    segment.batch.release();
  }

  readonly #sweep = (): void => {
    this.#timer = undefined;
    for (const [key, segment] of this.#segments) {
      if (segment.used) segment.used = false;
      else this.#drop(key);
    }
    if (this.#segments.size > 0) this.#timer = this.#clock.setTimeout(this.#sweep, LINGER_MS);
  };
}

/** Returns the time when the first publication expires. An expired publication is already a gap, which stays true. */
function staleAt(entries: readonly LogEntry[]): number {
  let first = Infinity;
  for (const { expires } of entries) if (expires > 0 && expires < first) first = expires;
  return first;
}
