import { LARGEST_SLAB, type BufferPool } from '../memory/buffer-pool.js';
import { Batch } from './batch.js';
import type { WireFormat } from './json-format.js';
import type { LogEntry } from './log-entry.js';

/**
 * Encodes the publications of one topic in frames, once for all connections of the format. Frames have at most the size
 * of a slab, because many clients limit the size of a frame (often to 1 MiB). A publication larger than a slab gets
 * memory of its own, outside of the pool.
 */
export function encode(
  format: WireFormat,
  topic: string,
  publications: readonly LogEntry[],
  pool: BufferPool,
  sent?: (batch: Batch) => void,
): Batch {
  const buffers: Buffer[] = [];
  const slabs: Buffer[] = [];
  for (const piece of piecesOf(publications, topic.length)) {
    const size = format.size(topic, piece);
    const pooled = size <= LARGEST_SLAB;
    const memory = pooled ? pool.take(size) : Buffer.allocUnsafeSlow(size);
    format.write(memory, 0, topic, piece);
    buffers.push(memory.subarray(0, size));
    if (pooled) slabs.push(memory);
  }
  const batch = new Batch(buffers, pool, slabs, sent);
  batch.publications = publications.length - gapsIn(publications);
  return batch;
}

function gapsIn(entries: readonly LogEntry[]): number {
  let gaps = 0;
  for (const { gapFrom } of entries) if (gapFrom !== 0) gaps++;
  return gaps;
}

/** Most bytes around one payload: keys, braces, an offset of up to 16 digits and a frame header. */
const ENVELOPE = 64;

function* piecesOf(publications: readonly LogEntry[], topicLength: number): Generator<readonly LogEntry[]> {
  let start = 0;
  let size = 0;
  for (let i = 0; i < publications.length; i++) {
    const bytes = publications[i]!.bytes + topicLength + ENVELOPE;
    if (size + bytes > LARGEST_SLAB && i > start) {
      yield publications.slice(start, i);
      start = i;
      size = 0;
    }
    size += bytes;
  }
  yield start === 0 ? publications : publications.slice(start);
}
