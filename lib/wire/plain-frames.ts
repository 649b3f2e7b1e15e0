import { Batch } from './batch.js';
import { plainJson } from './json-format.js';
import type { LogEntry } from './log-entry.js';

/** Where the frame of one publication is. */
interface Place {
  readonly buffer: number;
  readonly start: number;
  readonly end: number;
}

/**
 * A batch of plain frames that can be had without some of them, from the same memory. Plain frames are legal in every
 * format, so connections that are excepted from a publication cost a few views and no encoding of their own.
 */
export class PlainFrames {
  readonly #batch: Batch;
  readonly #places = new Map<number, Place>();

  /** @param batch the publications in the plain format; each use of it retains it */
  constructor(batch: Batch, topic: string, publications: readonly LogEntry[]) {
    this.#batch = batch;
    let buffer = 0;
    let start = 0;
    for (const publication of publications) {
      if (start === batch.buffers[buffer]!.length) {
        buffer++;
        start = 0;
      }
      const end = start + plainJson.size(topic, [publication]);
      this.#places.set(publication.offset, { buffer, start, end });
      start = end;
    }
  }

  /** The batch without the frames of these offsets, in ascending order; undefined when nothing is left. Owned by the caller. */
  without(offsets: readonly number[]): Batch | undefined {
    const parts: Buffer[] = [];
    let buffer = 0;
    let from = 0;
    const takeTo = (place: Place): void => {
      for (; buffer < place.buffer; buffer++, from = 0) this.#take(parts, buffer, from, undefined);
      this.#take(parts, buffer, from, place.start);
      from = place.end;
    };
    for (const offset of offsets) {
      const place = this.#places.get(offset);
      if (place !== undefined) takeTo(place);
    }
    for (; buffer < this.#batch.buffers.length; buffer++, from = 0)
      this.#take(parts, buffer, from, undefined);
    if (parts.length === 0) return undefined;
    this.#batch.retain();
    return new Batch(parts, undefined, [], () => this.#batch.release());
  }

  #take(parts: Buffer[], buffer: number, from: number, to: number | undefined): void {
    const part = this.#batch.buffers[buffer]!.subarray(from, to);
    if (part.length > 0) parts.push(part);
  }
}
