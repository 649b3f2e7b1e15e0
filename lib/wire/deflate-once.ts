import { constants, deflateRawSync } from 'node:zlib';
import type { BufferPool } from '../memory/buffer-pool.js';
import { Batch } from './batch.js';
import { deflatedTextHeader, payloadAt } from './frame.js';

/** What to compress, and how hard to try. */
export interface DeflateSettings {
  /** Least bytes of a message that is compressed. */
  readonly threshold: number;
  /** 1 is fastest, 9 is smallest. */
  readonly level: number;
}

/**
 * Base-two logarithm of the window: how far back a repetition may lie. 4 KiB hold some thirty tickers. A window of
 * 32 KiB takes up to twice the time for 0 to 5 % fewer bytes, and shuts out clients that ask for a smaller one.
 */
export const WINDOW_BITS = 12;

/**
 * Most bytes of one batch that are compressed, because the event loop stands still meanwhile: about 1.3 ms for data
 * that hardly shrinks. What goes over, and any single message that is larger, is sent as it is.
 */
export const MOST_DEFLATED_BYTES = 128 * 1024;

/** A flushed deflate stream ends in 00 00 ff ff, which both sides leave out: RFC 7692 section 7.2.1. */
const TAIL_BYTES = 4;

/**
 * The frames of a batch, each deflated if that makes it smaller: once for every connection that the result goes to.
 * No frame depends on another, so a connection may be given any of them, or none.
 * @param batch the caller's reference to it is taken over
 * @param sent called once, when the last holder of the result let go
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
  if (frames.shrunk) batch.release();
  return result;
}

/** A batch of the same memory, which the result releases in the end. */
function sameAs(batch: Batch, sent?: (batch: Batch) => void): Batch {
  return new Batch(batch.buffers, undefined, [], same => {
    batch.release();
    sent?.(same);
  });
}

/** A batch of one slab for each group of parts. */
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
  return new Batch(buffers, pool, slabs, sent);
}

/** Goes through the frames of one batch. */
class FrameDeflater {
  /** Whether any frame became smaller. */
  shrunk = false;
  readonly #threshold: number;
  readonly #options: { readonly level: number; readonly windowBits: number; readonly finishFlush: number };
  #left = MOST_DEFLATED_BYTES;

  constructor({ threshold, level }: DeflateSettings) {
    this.#threshold = threshold;
    this.#options = { level, windowBits: WINDOW_BITS, finishFlush: constants.Z_SYNC_FLUSH };
  }

  /** What stands for whole frames now: parts of `buffer`, and deflated frames between them. */
  shrink(buffer: Buffer): readonly Buffer[] {
    const parts: Buffer[] = [];
    let kept = 0;
    for (let at = 0; at < buffer.length;) {
      const { start, end } = payloadAt(buffer, at);
      const deflated = this.#deflate(buffer.subarray(start, end));
      if (deflated !== undefined) {
        parts.push(buffer.subarray(kept, at), deflatedTextHeader(deflated.length), deflated);
        kept = end;
        this.shrunk = true;
      }
      at = end;
    }
    parts.push(buffer.subarray(kept));
    return parts;
  }

  /** The payload deflated, or undefined when it is to be sent as it is. */
  #deflate(payload: Buffer): Buffer | undefined {
    if (payload.length < this.#threshold || payload.length > this.#left) return undefined;
    this.#left -= payload.length;
    const whole = deflateRawSync(payload, this.#options);
    const size = whole.length - TAIL_BYTES;
    return size < payload.length ? whole.subarray(0, size) : undefined;
  }
}
