import type { Batch } from '../wire/batch.js';
import { headerSize, partHeader, payloadAt } from '../wire/frame.js';

/** A piece of a cut frame has so many bytes at least. */
const LEAST_PIECE = 2 * 1024;

/** The largest header of a frame. */
const HEADER = headerSize(2 ** 16);

/** What {@link WaitingFrames.take} may take. Bytes. */
export interface Allowance {
  /** What is taken at most. */
  readonly room: number;
  /** No further frame is begun when so much was taken. */
  readonly enough: number;
  /** Frames larger than this are cut where they do not fit. */
  readonly cutAbove: number;
}

/**
 * Frames that wait until a client has read what it was sent before. A large one is cut into the fragments of a WebSocket
 * message, between which pings may be written. Nothing else may be: they belong to one message.
 */
export class WaitingFrames {
  readonly #batches: Batch[] = [];
  readonly #pinned: (bytes: number) => void;
  #bytes = 0;
  /** Where the next byte is: a buffer of the first batch, and a place in it. */
  #buffer = 0;
  #at = 0;
  /** End of the payload of the frame that is cut; 0 while none is. */
  #end = 0;

  /** @param pinned told of bytes that are kept for this client from now on; negative for what is not any more */
  constructor(pinned: (bytes: number) => void) {
    this.#pinned = pinned;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a part of the first batch was taken. */
  get isBegun(): boolean {
    return this.#at > 0 || this.#buffer > 0;
  }

  /** Keeps a reference to the batch until it is taken. */
  add(batch: Batch): void {
    if (batch.bytes === 0) return;
    batch.retain();
    this.#pinned(batch.pin());
    this.#batches.push(batch);
    this.#bytes += batch.bytes;
  }

  /**
   * Takes the next bytes out, in order. They lie in the memory of the batches that are released with `done`.
   * @param done gets each batch of which nothing is left, and whose reference is the caller's from then on
   */
  take(allowance: Allowance, done: (batch: Batch) => void): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let { room, enough } = allowance;
    while (this.#batches.length > 0 && enough > 0) {
      const before = this.#bytes;
      const pieces = this.#end > 0 ? this.#piece(room) : this.#frames(room, enough, allowance.cutAbove);
      if (pieces === undefined) break;
      taken.push(...pieces);
      const bytes = before - this.#bytes;
      room -= bytes;
      enough -= bytes;
      this.#pass(done);
    }
    return taken;
  }

  /** Lets go of everything; of a batch that was begun as `keep` wants it, because its socket may still read from it. */
  drop(keep: (batch: Batch) => void): void {
    if (this.isBegun) keep(this.#batches[0]!);
    for (const batch of this.#batches.splice(0)) this.#release(batch);
    this.#bytes = this.#buffer = this.#at = this.#end = 0;
  }

  #release(batch: Batch): void {
    this.#pinned(-batch.unpin());
    batch.release();
  }

  /** Whole frames that fit, or the first piece of one that is too large. */
  #frames(room: number, enough: number, cutAbove: number): Uint8Array[] | undefined {
    const buffer = this.#batches[0]!.buffers[this.#buffer]!;
    const from = this.#at;
    let to = from;
    while (to < buffer.length && to - from < enough) {
      const { end } = payloadAt(buffer, to);
      if (end - from > room) break;
      to = end;
    }
    if (to > from) {
      this.#move(to);
      return [buffer.subarray(from, to)];
    }
    const { start, end } = payloadAt(buffer, from);
    if (end - from <= cutAbove || room < LEAST_PIECE) return undefined;
    const length = room - HEADER;
    this.#move(start + length);
    this.#end = end;
    return [partHeader(buffer[from]!, false, length), buffer.subarray(start, start + length)];
  }

  /** The next piece of the frame that is cut. */
  #piece(room: number): Uint8Array[] | undefined {
    const left = this.#end - this.#at;
    const isLast = left + HEADER <= room;
    if (!isLast && room < LEAST_PIECE) return undefined;
    const length = isLast ? left : room - HEADER;
    const from = this.#at;
    const buffer = this.#batches[0]!.buffers[this.#buffer]!;
    this.#move(from + length);
    if (isLast) this.#end = 0;
    return [partHeader(0, isLast, length), buffer.subarray(from, from + length)];
  }

  #move(to: number): void {
    this.#bytes -= to - this.#at;
    this.#at = to;
  }

  /** Goes on to the next buffer, and to the next batch. */
  #pass(done: (batch: Batch) => void): void {
    const batch = this.#batches[0]!;
    if (this.#at < batch.buffers[this.#buffer]!.length) return;
    this.#at = 0;
    if (++this.#buffer < batch.buffers.length) return;
    this.#buffer = 0;
    this.#batches.shift();
    this.#pinned(-batch.unpin());
    done(batch);
  }
}
