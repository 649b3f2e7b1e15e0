import { LARGEST_SLAB, type BufferPool } from '../memory/buffer-pool.js';
import { Batch } from './batch.js';
import type { WireFormat } from './json-format.js';
import type { LogEntry } from './log-entry.js';

/**
 * Frames the publications of one topic, once for every connection of the format. They are cut into pieces of at
 * most one slab, because a frame without bound would break clients that bound theirs (1 MiB in many); a publication
 * that is larger than a slab goes round the pool and gets memory of its own.
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

/** Bytes around one payload: keys, braces, an offset of up to 16 digits and a frame header. */
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
