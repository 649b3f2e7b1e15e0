import type { Lane } from '../topic/topic.js';
import type { Subscription } from '../topic/subscription.js';
import type { Batch } from '../wire/batch.js';
import type { LogEntry } from '../wire/log-entry.js';
import { MessageFrames } from '../wire/message-frames.js';
import type { Origin, WireFormat } from '../wire/wire-format.js';
import { newIn } from './new-publications.js';

/** Frames the publications of one topic in one format. */
export type Encode = (format: WireFormat, origin: Origin, publications: readonly LogEntry[]) => Batch;

/**
 * Batches of a topic above which no further one is compressed. Nearly all subscribers that a slice of a flush visits are
 * at one or two cursors, in one or two formats.
 */
const MOST_COMPRESSED = 4;

/** Offsets that connections do not get, by their id. */
type Excepted = ReadonlyMap<string, readonly number[]>;

/** A batch and whom it fits. */
interface Made {
  readonly format: WireFormat;
  readonly cursor: number;
  readonly batch: Batch;
  /** The batch, or undefined when the format has no bytes for it: a batch of gaps that clients are not told of. */
  readonly sent: Batch | undefined;
}

/** A batch with a frame for each publication. */
interface Parts {
  readonly format: WireFormat;
  readonly cursor: number;
  readonly frames: MessageFrames;
}

/**
 * The batches of one lane in one flush, made when the first subscriber asks. Nearly every subscriber stands at the
 * same cursor and speaks the same format, so the last answer is looked at before the few there are. Holds the maker's
 * reference to each batch until `close`. One object serves lane after lane: a flush of ten thousand small ones would
 * else make that many.
 */
export class TopicBatches {
  readonly #encode: Encode;
  readonly #now: () => number;
  readonly #made: Made[] = [];
  /** Offset of the last publication in these batches. */
  to = 0;
  #lane: Lane | undefined;
  #from = 0;
  /** What follows `from`: nearly everybody stands there. */
  #range: readonly LogEntry[] = [];
  /** Offsets that a connection does not get, by its id; undefined in the common case of none. */
  #excepted: Excepted | undefined;
  #exceptedElsewhere: Map<number, Excepted | undefined> | undefined;
  #parts: Parts[] | undefined;
  /** Batches of one connection alone. */
  #single: Batch[] | undefined;
  #last: Made | undefined;

  constructor(encode: Encode, now: () => number) {
    this.#encode = encode;
    this.#now = now;
  }

  /**
   * Turns to a lane; what was made for the one before is let go of.
   * @param from lowest cursor that will ask
   * @param to offset of the last publication in these batches
   */
  open(lane: Lane, from: number, to: number): void {
    this.close();
    this.#lane = lane;
    this.#from = from;
    this.to = to;
    this.#range = newIn(lane, from, to, this.#now());
    this.#excepted = exceptedIn(this.#range);
  }

  /** The batch for a subscription, or undefined when nothing is new for it. */
  for(subscription: Subscription): Batch | undefined {
    const { cursor, format } = subscription;
    if (cursor >= this.to) return undefined;
    const excepted = this.#exceptedAfter(cursor)?.get(subscription.subscriber.id);
    if (excepted !== undefined) return this.#without(cursor, format.single, excepted);
    const last = this.#last;
    if (last !== undefined && last.cursor === cursor && last.format === format) return last.sent;
    return this.#shared(cursor, format).sent;
  }

  /** Lets go of everything. */
  close(): void {
    this.#lane = this.#last = this.#excepted = this.#parts = this.#exceptedElsewhere = undefined;
    for (const { batch } of this.#made) batch.release();
    this.#made.length = 0;
    for (const batch of this.#single ?? []) batch.release();
    this.#single = undefined;
    this.#range = [];
  }

  #shared(cursor: number, format: WireFormat): Made {
    return (this.#last = this.#find(cursor, format) ?? this.#make(cursor, format));
  }

  #find(cursor: number, format: WireFormat): Made | undefined {
    return this.#made.find(made => made.cursor === cursor && made.format === format);
  }

  #make(cursor: number, format: WireFormat): Made {
    // Who joined between two publications shares with few; one compression for each such cursor would add up.
    if (format.deflates !== undefined && this.#made.length >= MOST_COMPRESSED) {
      return this.#find(cursor, format.deflates) ?? this.#make(cursor, format.deflates);
    }
    const batch = this.#encode(format, this.#lane!.topic, this.#after(cursor));
    const made = { format, cursor, batch, sent: batch.bytes > 0 ? batch : undefined };
    this.#made.push(made);
    return made;
  }

  /** @param format one with a frame for each publication */
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

  /** On a topic that conflates, who stands elsewhere gets other publications, and not just fewer. */
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

/** Offsets by the connection they leave out; undefined in the common case of none. */
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
