import type { Batch } from '../wire/batch.js';
import { headerSize, partHeader, payloadAt } from '../wire/frame.js';

/** Least room for a piece of a cut frame, in bytes. The last piece may be smaller. */
const LEAST_PIECE = 2 * 1024;

/** Size of the largest frame header, in bytes. */
const HEADER = headerSize(2 ** 16);

/** Limits of one {@link WaitingFrames.take}, in bytes. */
export interface Allowance {
  /** Most bytes to take. */
  readonly room: number;
  /** Bytes after which no further frame is begun. */
  readonly enough: number;
  /** Size above which a frame is cut if it does not fit. */
  readonly cutAbove: number;
}

/**
 * Frames that wait until a client has read the earlier ones. A large frame is cut into the fragments of one WebSocket
 * message. Only pings may be written between the fragments of a message.
 */
export class WaitingFrames {
  readonly #batches: Batch[] = [];
  readonly #pinned: (bytes: number) => void;
  #bytes = 0;
  /** Position of the next byte: the index of a buffer of the first batch, and a place in that buffer. */
  #buffer = 0;
  #at = 0;
  /** End of the payload of the frame being cut; 0 without such a frame. */
  #end = 0;

  /** @param pinned called with the bytes newly kept for this client; negative for released bytes */
  constructor(pinned: (bytes: number) => void) {
    this.#pinned = pinned;
  }

  /** Number of waiting bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True if a part of the first batch was taken. */
  get isBegun(): boolean {
    return this.#at > 0 || this.#buffer > 0;
  }

  /** Adds a batch, and keeps a reference until all of the batch is taken. */
  add(batch: Batch): void {
    if (batch.bytes === 0) return;
    batch.retain();
    this.#pinned(batch.pin());
    this.#batches.push(batch);
    this.#bytes += batch.bytes;
  }

  /**
   * Takes the next bytes, in order. The bytes are in the memory of their batches, so the caller must write them before
   * it releases the batches.
   * @param done gets each finished batch, together with its reference
   */
  take(allowance: Allowance, done: (batch: Batch) => void): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let { room, enough } = allowance;
    while (this.#batches.length > 0 && enough > 0) {
      const pieces = this.#end > 0 ? this.#piece(room) : this.#frames(room, enough, allowance.cutAbove);
      if (pieces === undefined) break;
      taken.push(...pieces);
      // The header of a fragment counts too, and is not part of the frame that is cut.
      const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
      room -= bytes;
      enough -= bytes;
      this.#pass(done);
    }
    return taken;
  }

  /** Drops everything. A batch in progress goes to `keep` first, because the socket may still read from its memory. */
  drop(keep: (batch: Batch) => void): void {
    if (this.isBegun) keep(this.#batches[0]!);
    for (const batch of this.#batches.splice(0)) this.#release(batch);
    this.#bytes = this.#buffer = this.#at = this.#end = 0;
  }

  #release(batch: Batch): void {
    this.#pinned(-batch.unpin());
    batch.release();
  }

  /** Takes whole frames that fit, or the first piece of a frame that is too large. Undefined if nothing fits. */
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

  /** Takes the next piece of the frame being cut. Undefined if nothing fits. */
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

  /** Moves on from a finished buffer to the next one, and from a finished batch to the next one. */
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
