import { constants, deflateRawSync } from 'node:zlib';
import type { BufferPool } from '../memory/buffer-pool.js';
import { Batch, PooledSlabs } from './batch.js';
import { deflatedHeader, payloadAt } from './frame.js';

/** Settings of the compression. */
export interface DeflateSettings {
  /** Least bytes of a message to compress. */
  readonly threshold: number;
  /** Compression level: 1 is fastest, 9 is smallest. */
  readonly level: number;
}

/**
 * Base-two logarithm of the window, the distance over which repetitions are found. 4 KiB hold some thirty tickers. A
 * window of 32 KiB takes up to twice the time for 0 to 5 % fewer bytes, and excludes clients that ask for a smaller
 * one.
 */
export const WINDOW_BITS = 12;

/**
 * Most bytes of one batch to compress, because the event loop stands still meanwhile: about 1.3 ms for data that hardly
 * shrinks. The rest, and any larger single message, is sent uncompressed.
 */
export const MOST_DEFLATED_BYTES = 128 * 1024;

/** Bytes 00 00 ff ff at the end of a flushed deflate stream. Both sides leave them out: RFC 7692 section 7.2.1. */
const TAIL_BYTES = 4;

/**
 * Compresses the frames of a batch, each if that makes it smaller, once for all connections of the result. No frame
 * depends on another, so a connection may get any of them, or none.
 * @param batch the batch; this function takes over the caller's reference
 * @param sent called once, after the last release of the result
 */
export function deflateOnce(
  batch: Batch,
  settings: DeflateSettings,
  pool: BufferPool,
  sent?: (batch: Batch) => void,
): Batch {
  const frames = new FrameDeflater(settings);
  const pieces = batch.buffers.map(buffer => frames.shrink(buffer));
  const result = frames.shrunk ? packed(pieces, pool, sent) : sameAs(batch, sent);
  result.publications = batch.publications;
  result.gaps = batch.gaps;
  if (frames.shrunk) batch.release();
  return result;
}

/** Makes a batch of the same memory. Its last release releases the original. */
function sameAs(batch: Batch, sent?: (batch: Batch) => void): Batch {
  return new Batch(batch.buffers, undefined, same => {
    batch.release();
    sent?.(same);
  });
}

/** Makes a batch of one slab for each group of parts. */
function packed(
  pieces: readonly (readonly Buffer[])[],
  pool: BufferPool,
  sent?: (batch: Batch) => void,
): Batch {
  const slabs: Buffer[] = [];
  const buffers = pieces.map(parts => {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    const slab = pool.take(size);
    let at = 0;
    for (const part of parts) at += part.copy(slab, at);
    slabs.push(slab);
    return slab.subarray(0, size);
  });
  return new Batch(buffers, new PooledSlabs(pool, slabs), sent);
}

/** Visits the frames of one batch. */
class FrameDeflater {
  /** True if any frame became smaller. */
  shrunk = false;
  readonly #threshold: number;
  readonly #options: { readonly level: number; readonly windowBits: number; readonly finishFlush: number };
  #left = MOST_DEFLATED_BYTES;

  constructor({ threshold, level }: DeflateSettings) {
    this.#threshold = threshold;
    this.#options = { level, windowBits: WINDOW_BITS, finishFlush: constants.Z_SYNC_FLUSH };
  }

  /** Returns the replacement for whole frames: parts of `buffer`, with deflated frames between them. */
  shrink(buffer: Buffer): readonly Buffer[] {
    const parts: Buffer[] = [];
    let kept = 0;
    for (let at = 0; at < buffer.length;) {
      const { start, end } = payloadAt(buffer, at);
      const deflated = this.#deflate(buffer.subarray(start, end));
      if (deflated !== undefined) {
        parts.push(buffer.subarray(kept, at), deflatedHeader(buffer[at]!, deflated.length), deflated);
        kept = end;
        this.shrunk = true;
      }
      at = end;
    }
    parts.push(buffer.subarray(kept));
    return parts;
  }

  /** Returns the deflated payload, or undefined to send it as it is. */
  #deflate(payload: Buffer): Buffer | undefined {
    if (payload.length < this.#threshold || payload.length > this.#left) return undefined;
    this.#left -= payload.length;
    const whole = deflateRawSync(payload, this.#options);
    const size = whole.length - TAIL_BYTES;
    return size < payload.length ? whole.subarray(0, size) : undefined;
  }
}
