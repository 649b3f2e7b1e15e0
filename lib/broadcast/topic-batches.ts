import type { Subscription, Topic } from '../topic/topic.js';
import type { Batch } from '../wire/batch.js';
import { plainJson, type WireFormat } from '../wire/json-format.js';
import type { LogEntry } from '../wire/log-entry.js';
import { PlainFrames } from '../wire/plain-frames.js';

/** Frames the publications of one topic in one format. */
export type Encode = (format: WireFormat, topic: string, publications: readonly LogEntry[]) => Batch;

/**
 * The batches of one topic in one flush, made when the first subscriber asks. Nearly every subscriber stands at the
 * same cursor and speaks the same format, so one entry is looked at before the map. Holds the maker's reference to
 * each batch until `release`.
 */
export class TopicBatches {
  readonly #made = new Map<WireFormat, Map<number, Batch>>();
  readonly #own: Batch[] = [];
  /** Offsets that a connection does not get, by its id; undefined in the common case of none. */
  readonly #excepted: ReadonlyMap<string, readonly number[]> | undefined;
  /** What follows the lowest cursor: nearly everybody stands there. */
  readonly #range: readonly LogEntry[];
  readonly #plain = new Map<number, PlainFrames>();
  #lastFormat: WireFormat | undefined;
  #lastCursor = -1;
  #last: Batch | undefined;

  /**
   * @param from lowest cursor that will ask
   * @param to offset of the last publication in these batches
   */
  constructor(
    readonly topic: Topic,
    readonly from: number,
    readonly to: number,
    readonly encode: Encode,
  ) {
    this.#range = topic.log.range(from, to);
    this.#excepted = exceptedIn(this.#range);
  }

  /** The batch for a subscription, or undefined when nothing is new for it. */
  for(subscription: Subscription): Batch | undefined {
    const { cursor, subscriber } = subscription;
    if (cursor >= this.to) return undefined;
    const excepted = this.#excepted?.get(subscriber.id);
    if (excepted !== undefined) return this.#without(cursor, excepted);
    if (cursor === this.#lastCursor && subscriber.format === this.#lastFormat) return this.#last;
    this.#lastCursor = cursor;
    this.#lastFormat = subscriber.format;
    return (this.#last = this.#shared(cursor, subscriber.format));
  }

  release(): void {
    for (const batch of this.#own) batch.release();
  }

  #shared(cursor: number, format: WireFormat): Batch {
    let byCursor = this.#made.get(format);
    if (byCursor === undefined) this.#made.set(format, (byCursor = new Map()));
    let batch = byCursor.get(cursor);
    if (batch === undefined) {
      byCursor.set(cursor, (batch = this.#make(format, this.#after(cursor))));
    }
    return batch;
  }

  #without(cursor: number, offsets: readonly number[]): Batch | undefined {
    let frames = this.#plain.get(cursor);
    if (frames === undefined) {
      const publications = this.#after(cursor);
      frames = new PlainFrames(this.#shared(cursor, plainJson), this.topic.name, publications);
      this.#plain.set(cursor, frames);
    }
    const batch = frames.without(offsets);
    if (batch !== undefined) this.#own.push(batch);
    return batch;
  }

  #after(cursor: number): readonly LogEntry[] {
    return cursor === this.from ? this.#range : this.topic.log.range(cursor, this.to);
  }

  #make(format: WireFormat, publications: readonly LogEntry[]): Batch {
    const batch = this.encode(format, this.topic.name, publications);
    this.#own.push(batch);
    return batch;
  }
}

/** Offsets by the connection they leave out; undefined in the common case of none. */
function exceptedIn(publications: readonly LogEntry[]): ReadonlyMap<string, readonly number[]> | undefined {
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
