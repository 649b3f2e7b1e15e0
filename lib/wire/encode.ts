import { LARGEST_SLAB, type BufferPool } from '../memory/buffer-pool.js';
import { Batch } from './batch.js';
import type { GapReason, LogEntry } from './log-entry.js';
import type { Origin, WireFormat } from './wire-format.js';

const NO_GAPS: readonly GapReason[] = [];

/**
 * Encodes the publications of one topic in frames, once for all connections of the format. Frames have at most the size
 * of a slab, because many clients limit the size of a frame (often to 1 MiB). A publication larger than a slab gets
 * memory of its own, outside of the pool.
 */
export function encode(
  format: WireFormat,
  origin: Origin,
  publications: readonly LogEntry[],
  pool: BufferPool,
  sent?: (batch: Batch) => void,
): Batch {
  const buffers: Buffer[] = [];
  const slabs: Buffer[] = [];
  for (const piece of piecesOf(publications, format, origin)) {
    const size = format.size(origin, piece);
    const pooled = size <= LARGEST_SLAB;
    const memory = pooled ? pool.take(size) : Buffer.allocUnsafeSlow(size);
    format.write(memory, 0, origin, piece);
    buffers.push(memory.subarray(0, size));
    if (pooled) slabs.push(memory);
  }
  const batch = new Batch(buffers, pool, slabs, sent);
  const gaps = gapsIn(publications);
  batch.publications = publications.length - gaps.length;
  // A format may write nothing for gaps.
  if (gaps.length > 0 && format.mostForGap(origin) > 0) batch.gaps = gaps;
  return batch;
}

function gapsIn(entries: readonly LogEntry[]): readonly GapReason[] {
  let reasons: GapReason[] | undefined;
  for (const { gap } of entries) if (gap !== undefined) (reasons ??= []).push(gap.reason);
  return reasons ?? NO_GAPS;
}

function* piecesOf(
  publications: readonly LogEntry[],
  format: WireFormat,
  origin: Origin,
): Generator<readonly LogEntry[]> {
  const around = format.around(origin);
  let start = 0;
  let size = 0;
  for (let i = 0; i < publications.length; i++) {
    const { gap, bytes: payload } = publications[i]!;
    const bytes = gap === undefined ? payload + around : format.mostForGap(origin);
    if (size + bytes > LARGEST_SLAB && i > start) {
      yield publications.slice(start, i);
      start = i;
      size = 0;
    }
    size += bytes;
  }
  yield start === 0 ? publications : publications.slice(start);
}
