import { type BufferPool, LARGEST_SLAB } from '../memory/buffer-pool.js';
import { Batch, type BatchJoiner, PooledSlabs, type UnsentBatches } from './batch.js';
import type { GapReason } from './log-entry.js';

/** Average bytes of batches that are joined for one connection. To copy larger ones costs more than a write of many buffers. */
const SMALL = 1024;

/**
 * Joins the batches that a connection got in one flush, so that they leave in a write of one buffer. Connections that got
 * the same batches right after each other share the buffer. Small batches are joined for the first such connection, larger ones for
 * the second. One buffer is kept at a time, of at most a slab of the pool.
 */
export class JoinedBatches implements BatchJoiner {
  readonly #pool: BufferPool;
  readonly #unsent: UnsentBatches;
  /** Batches of the last connection, only to be compared. */
  readonly #last: (Batch | undefined)[] = [];
  #joined: Batch | undefined;

  constructor(pool: BufferPool, unsent: UnsentBatches) {
    this.#pool = pool;
    this.#unsent = unsent;
  }

  join(batches: readonly (Batch | undefined)[], count: number, bytes: number): Batch | undefined {
    if (bytes > LARGEST_SLAB) return undefined;
    const isShared = this.#isLast(batches, count);
    if (!isShared) this.#note(batches, count);
    if (this.#joined !== undefined || (!isShared && bytes > count * SMALL)) return this.#joined;
    return (this.#joined = this.#make(batches, count, bytes));
  }

  /** Forgets the last connection, and releases its buffer. */
  clear(): void {
    this.#last.length = 0;
    this.#joined?.release();
    this.#joined = undefined;
  }

  #isLast(batches: readonly (Batch | undefined)[], count: number): boolean {
    const last = this.#last;
    if (last.length !== count) return false;
    // Connections with other batches mostly differ in the last one.
    for (let i = count - 1; i >= 0; i--) if (last[i] !== batches[i]) return false;
    return true;
  }

  #note(batches: readonly (Batch | undefined)[], count: number): void {
    this.#joined?.release();
    this.#joined = undefined;
    this.#last.length = count;
    for (let i = 0; i < count; i++) this.#last[i] = batches[i];
  }

  #make(batches: readonly (Batch | undefined)[], count: number, bytes: number): Batch {
    const slab = this.#pool.take(bytes);
    let at = 0;
    let publications = 0;
    let gaps: GapReason[] | undefined;
    for (let i = 0; i < count; i++) {
      const batch = batches[i]!;
      publications += batch.publications;
      if (batch.gaps !== undefined) (gaps ??= []).push(...batch.gaps);
      for (const buffer of batch.buffers) {
        slab.set(buffer, at);
        at += buffer.length;
      }
    }
    const joined = new Batch(
      [slab.subarray(0, bytes)],
      new PooledSlabs(this.#pool, [slab]),
      this.#unsent.onSent,
    );
    joined.publications = publications;
    joined.gaps = gaps;
    this.#unsent.add(joined);
    return joined;
  }
}
