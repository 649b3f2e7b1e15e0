import type { BufferPool } from '../memory/buffer-pool.js';
import { SlabShelf } from '../memory/slab-shelf.js';
import type { Counters } from '../observe/counters.js';
import type { Subscription } from '../topic/subscription.js';
import { type Lane, mayExpire, type Topic } from '../topic/topic.js';
import { type Batch, encodeBatch, type UnsentBatches } from '../wire/batch.js';
import { deflateOnce, type DeflateSettings } from '../wire/deflate-once.js';
import { gapEntry, type LogEntry, newestPerKey, withoutExpired } from '../wire/log-entry.js';
import { MessageFrames } from '../wire/message-frames.js';
import { type Origin, singleOf, type WireFormat } from '../wire/wire-format.js';

/** Makes the batches that all subscribers of a topic share. */
export class BatchEncoder {
  readonly #pool: BufferPool;
  readonly #unsent: UnsentBatches;
  readonly #counters: Counters;
  readonly #deflate: DeflateSettings | undefined;
  readonly #shelf: SlabShelf;
  readonly #now: () => number;
  /** Batches for single subscriptions, apart from those of a running walk. */
  readonly #batches: TopicBatches;

  /** @param deflate settings for connections that accept compressed frames; without it no frame is compressed */
  constructor(
    pool: BufferPool,
    unsent: UnsentBatches,
    counters: Counters,
    now: () => number,
    deflate?: DeflateSettings,
  ) {
    this.#pool = pool;
    this.#unsent = unsent;
    this.#counters = counters;
    this.#deflate = deflate;
    this.#shelf = new SlabShelf(pool);
    this.#now = now;
    this.#batches = new TopicBatches(this.#encodeUncompressed, now);
  }

  /** Encodes publications into slabs of the pool. The slabs return when the last socket has released the batch. */
  readonly encode: Encode = (format, origin, publications) => this.#encode(format, origin, publications);

  /** Encodes as `encode` does, but small batches share slabs until `endFlush`. */
  readonly encodeInFlush: Encode = (format, origin, publications) =>
    this.#encode(format, origin, publications, this.#shelf);

  /** Releases the shared slab of small batches. */
  endFlush(): void {
    this.#shelf.clear();
  }

  #encode(format: WireFormat, origin: Origin, publications: readonly LogEntry[], shelf?: SlabShelf): Batch {
    if (this.#deflate === undefined || format.deflates === undefined)
      return this.#encodeUncompressed(format, origin, publications, shelf);
    this.#counters.encodes++;
    const uncompressed = encodeBatch(format.deflates, origin, publications, this.#pool);
    try {
      const batch = deflateOnce(uncompressed, this.#deflate, this.#pool, this.#unsent.onSent);
      this.#unsent.add(batch);
      return batch;
    } catch (error) {
      uncompressed.release();
      throw error;
    }
  }

  /**
   * Delivers everything to a live subscription that ends before the next flush. Returns false, and delivers nothing, if
   * its socket has no room.
   */
  finish(subscription: Subscription): boolean {
    const { lane, sink, cursor } = subscription;
    const to = lane.topic.log.head;
    if (cursor >= to) return true;
    this.#batches.open(lane, cursor, to, this.#now());
    const batch = this.#batches.for(subscription);
    const fits = batch === undefined || sink.room >= batch.bytes;
    if (batch !== undefined && fits) sink.add(batch);
    this.#batches.close();
    if (fits) subscription.advance(to);
    return fits;
  }

  /** Encodes a batch for one connection, uncompressed: compression only pays when many connections share the result. */
  readonly #encodeUncompressed = (
    format: WireFormat,
    origin: Origin,
    publications: readonly LogEntry[],
    shelf?: SlabShelf,
  ): Batch => {
    this.#counters.encodes++;
    const batch = encodeBatch(format, origin, publications, this.#pool, this.#unsent.onSent, shelf);
    this.#unsent.add(batch);
    return batch;
  };
}

/** Encodes the publications of one topic in one format. */
export type Encode = (format: WireFormat, origin: Origin, publications: readonly LogEntry[]) => Batch;

/**
 * Most compressed batches of a topic. Nearly all subscribers in a slice of a flush are at one or two cursors, in one or
 * two formats.
 */
const MOST_COMPRESSED = 4;

const NOTHING: readonly LogEntry[] = [];

/** Excluded offsets by the id of a connection. */
type Excepted = ReadonlyMap<string, readonly number[]>;

/** Batch with the cursor and format of its subscriptions. */
interface Made {
  format: WireFormat;
  cursor: number;
  batch: Batch;
  /** The batch, or undefined when the format has no bytes for it: a batch of gaps that clients never see. */
  sent: Batch | undefined;
}

/** A batch with a frame for each publication. */
interface Parts {
  readonly format: WireFormat;
  readonly cursor: number;
  readonly frames: MessageFrames;
}

/**
 * Batches of one lane in one flush, made when the first subscription needs them. Nearly every subscription has the same
 * cursor and format, so the last batch is tried first. Holds the maker's reference to each batch until `close`. One
 * object serves lane after lane, because a flush of ten thousand small lanes would otherwise create as many objects.
 */
export class TopicBatches {
  readonly #encode: Encode;
  readonly #now: () => number;
  /** The first `#count` are of the present lane. The others are used again, because most lanes need one. */
  readonly #made: Made[] = [];
  #count = 0;
  /** Offset of the last publication in these batches. */
  to = 0;
  #lane: Lane | undefined;
  #from = 0;
  /** Publications after `from`, the cursor of nearly every subscription. */
  #range: readonly LogEntry[] = NOTHING;
  /** Excluded offsets by the id of a connection; undefined in the common case of none. */
  #excepted: Excepted | undefined;
  #exceptedElsewhere: Map<number, Excepted | undefined> | undefined;
  #parts: Parts[] | undefined;
  /** Batches for a single connection. */
  #single: Batch[] | undefined;
  #last: Made | undefined;

  constructor(encode: Encode, now: () => number) {
    this.#encode = encode;
    this.#now = now;
  }

  /**
   * Begins a lane, and releases the batches of the previous one.
   * @param from lowest cursor of the lane
   * @param to offset of the last publication in these batches
   * @param now time for publications that expire
   */
  open(lane: Lane, from: number, to: number, now: number): void {
    this.close();
    this.#lane = lane;
    this.#from = from;
    this.to = to;
    this.#range = newIn(lane, from, to, now);
    this.#excepted = exceptedIn(this.#range);
  }

  /** Returns the batch for a subscription, or undefined if there is nothing new for it. */
  for(subscription: Subscription): Batch | undefined {
    const { cursor, format } = subscription;
    if (cursor >= this.to) return undefined;
    const excepted = this.#exceptedAfter(cursor)?.get(subscription.subscriber.id);
    if (excepted !== undefined) return this.#without(cursor, singleOf(format), excepted);
    const last = this.#last;
    if (last !== undefined && last.cursor === cursor && last.format === format) return last.sent;
    return this.#shared(cursor, format).sent;
  }

  /** Releases all batches. */
  close(): void {
    this.#lane = this.#last = this.#excepted = this.#parts = this.#exceptedElsewhere = undefined;
    while (this.#count > 0) this.#made[--this.#count]!.batch.release();
    if (this.#single !== undefined) for (const batch of this.#single) batch.release();
    this.#single = undefined;
    this.#range = NOTHING;
  }

  #shared(cursor: number, format: WireFormat): Made {
    return (this.#last = this.#find(cursor, format) ?? this.#make(cursor, format));
  }

  #find(cursor: number, format: WireFormat): Made | undefined {
    return this.#made.find((made, i) => i < this.#count && made.cursor === cursor && made.format === format);
  }

  #make(cursor: number, format: WireFormat): Made {
    // Few subscriptions have the cursor of one that joined between two publications. A compression for each such cursor
    // would add up.
    if (format.deflates !== undefined && this.#count >= MOST_COMPRESSED) {
      return this.#find(cursor, format.deflates) ?? this.#make(cursor, format.deflates);
    }
    const batch = this.#encode(format, this.#lane!.topic, this.#after(cursor));
    const sent = batch.bytes > 0 ? batch : undefined;
    const present = this.#made[this.#count];
    const made = present ?? { format, cursor, batch, sent };
    if (present === undefined) this.#made.push(made);
    else {
      made.format = format;
      made.cursor = cursor;
      made.batch = batch;
      made.sent = sent;
    }
    this.#count++;
    return made;
  }

  /** Makes frames for each publication. @param format a format with a frame for each publication */
  #without(cursor: number, format: WireFormat, offsets: readonly number[]): Batch | undefined {
    const batch = this.#partsOf(cursor, format).frames.without(offsets);
    (this.#single ??= []).push(batch);
    return batch.bytes > 0 ? batch : undefined;
  }

  #partsOf(cursor: number, format: WireFormat): Parts {
    this.#parts ??= [];
    const present = this.#parts.find(parts => parts.cursor === cursor && parts.format === format);
    if (present !== undefined) return present;
    const { batch } = this.#shared(cursor, format);
    const parts = {
      format,
      cursor,
      frames: new MessageFrames(batch, format, this.#lane!.topic, this.#after(cursor)),
    };
    this.#parts.push(parts);
    return parts;
  }

  /**
   * Returns the excluded offsets after a cursor. On a conflating topic another cursor may get other publications, not
   * just fewer.
   */
  #exceptedAfter(cursor: number): Excepted | undefined {
    if (cursor === this.#from || !this.#lane!.topic.conflates) return this.#excepted;
    const known = (this.#exceptedElsewhere ??= new Map<number, Excepted | undefined>());
    if (!known.has(cursor)) known.set(cursor, exceptedIn(this.#after(cursor)));
    return known.get(cursor);
  }

  #after(cursor: number): readonly LogEntry[] {
    return cursor === this.#from ? this.#range : newIn(this.#lane!, cursor, this.to, this.#now());
  }
}

/** Returns the excluded offsets by connection; undefined in the common case of none. */
export function exceptedIn(publications: readonly LogEntry[]): Excepted | undefined {
  let offsets: Map<string, number[]> | undefined;
  for (const { except, offset } of publications) {
    if (except === undefined) continue;
    offsets ??= new Map();
    const present = offsets.get(except);
    if (present === undefined) offsets.set(except, [offset]);
    else present.push(offset);
  }
  return offsets;
}

/** Returns the publications of a lane for a live subscription at offset `since`. */
export function newIn(
  { topic, interval }: Lane,
  since: number,
  to: number,
  now: number,
): readonly LogEntry[] {
  const entries = interval > 0 ? conflated(topic, since, to) : topic.log.range(since, to);
  return unexpired(topic, entries, now);
}

/** Returns the publications between two offsets for a subscription that is behind. */
export function missedIn(topic: Topic, since: number, to: number, now: number): readonly LogEntry[] {
  const entries = topic.conflates ? conflated(topic, since, to) : topic.log.range(since, to);
  return unexpired(topic, entries, now);
}

/** Returns the newest publication of each key on a conflating topic, after a gap if some are no longer kept. */
function conflated({ log, latest }: Topic, since: number, to: number): readonly LogEntry[] {
  if (since >= latest!.reach) return latest!.range(since, to);
  if (since >= log.first - 1) return newestPerKey(log.range(since, to));
  const end = Math.min(latest!.reach, to);
  return [gapEntry({ from: since + 1, to: end, reason: 'slow' }), ...latest!.range(end, to)];
}

function unexpired(topic: Topic, entries: readonly LogEntry[], now: number): readonly LogEntry[] {
  return mayExpire(topic) ? withoutExpired(entries, now) : entries;
}
