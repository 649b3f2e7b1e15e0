import { BufferPool } from '../memory/buffer-pool.js';
import type { Subscription } from '../topic/subscription.js';
import { mayExpire, reachOf } from '../topic/reach.js';
import type { Topic } from '../topic/topic.js';
import type { Batch } from '../wire/batch.js';
import { encode } from '../wire/encode.js';
import { plainJson } from '../wire/json-format.js';
import { type Part, PlainFrames } from '../wire/plain-frames.js';
import type { SchedulerClock } from './flush-scheduler.js';
import { missedIn } from './new-publications.js';
import { exceptedIn } from './topic-batches.js';
import type { UnsentBatches } from './unsent-batches.js';

/** Publications of a segment: few enough that one which still grows is cheaply encoded again. */
const SEGMENT = 64;

/** How long a segment is kept that nobody asked for: clients that lost their server come back within seconds. */
const LINGER_MS = 1000;

/** Bytes of all segments that are kept for others to come; what is more is made anew for each. */
const MOST_BYTES = 8 * 1024 * 1024;

/** A stretch of a topic's log as plain frames. Everybody who reads it gets views of the same memory. */
interface Segment {
  readonly frames: PlainFrames;
  readonly batch: Batch;
  readonly excepted: ReadonlyMap<string, readonly number[]> | undefined;
  used: boolean;
}

/**
 * What is read from the logs for those who recover or are behind, encoded once for all of them wherever they stand: when
 * thousands come back at once, each history is read once.
 */
export class LogSegments {
  // Not the pool that users see: what waits here for others to come would look like a leak there.
  readonly #memory = new BufferPool(0);
  readonly #unsent: UnsentBatches;
  readonly #clock: SchedulerClock;
  readonly #segments = new Map<string, Segment>();
  #bytes = 0;
  #encoded = 0;
  #timer: unknown;

  constructor(unsent: UnsentBatches, clock: SchedulerClock) {
    this.#unsent = unsent;
    this.#clock = clock;
  }

  /** Segments encoded so far. */
  get encoded(): number {
    return this.#encoded;
  }

  /**
   * What follows the cursor of a subscription, up to offset `to`: whole frames of about `limit` bytes, one at least.
   * Undefined when nothing does, though the cursor may be lower: the rest was conflated away.
   */
  after(subscription: Subscription, to: number, limit: number): Part | undefined {
    const { topic, cursor, subscriber } = subscription;
    const key = topic.conflates ? topic.log.epoch : `${topic.log.epoch}/${Math.floor(cursor / SEGMENT)}`;
    const kept = this.#segments.get(key);
    const fits =
      kept !== undefined && (topic.conflates ? kept.frames.upTo === to : kept.frames.upTo > cursor);
    const segment = fits && !mayExpire(topic) ? kept : this.#encode(topic, cursor, to);
    segment.used = true;
    const part = segment.frames.after(cursor, limit, segment.excepted?.get(subscriber.id));
    if (segment !== kept) this.#keep(key, segment, topic);
    return part;
  }

  /** Lets go of everything. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const key of this.#segments.keys()) this.#drop(key);
  }

  #encode(topic: Topic, cursor: number, to: number): Segment {
    const { log, name } = topic;
    const begin = topic.conflates ? reachOf(topic) : Math.floor(cursor / SEGMENT) * SEGMENT;
    const end = topic.conflates ? to : Math.min(begin + SEGMENT, to);
    const entries = missedIn(topic, begin, end, this.#clock.now());
    const batch = encode(plainJson, name, entries, this.#memory);
    this.#encoded++;
    return {
      frames: new PlainFrames(batch, name, log.epoch, entries, end, this.#unsent),
      batch,
      excepted: exceptedIn(entries),
      used: true,
    };
  }

  /** For others to come, unless it is out of date at once or too much is kept already. */
  #keep(key: string, segment: Segment, topic: Topic): void {
    this.#drop(key);
    if (mayExpire(topic) || this.#bytes + segment.batch.bytes > MOST_BYTES) return segment.batch.release();
    this.#segments.set(key, segment);
    this.#bytes += segment.batch.bytes;
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
