import { type BufferPool, LARGEST_SLAB } from '../memory/buffer-pool.js';
import { Batch, type BatchJoiner, PooledSlabs, type UnsentBatches } from './batch.js';
import type { GapReason } from './log-entry.js';

/** Average bytes of batches that are joined for one connection. To copy larger ones costs more than a write of many buffers. */
const SMALL = 1024;

/** Lists of batches that are remembered: neighbours may have different formats, or a topic more. */
const MOST_LISTS = 4;

type Batches = readonly (Batch | undefined)[];

/** Batches of a connection, only to be compared, and the one that replaces them. */
class JoinedList {
  readonly #batches: (Batch | undefined)[] = [];
  joined: Batch | undefined;

  isOf(batches: Batches, count: number): boolean {
    const own = this.#batches;
    if (own.length !== count) return false;
    // Connections with other batches mostly differ in the last one.
    for (let i = count - 1; i >= 0; i--) if (own[i] !== batches[i]) return false;
    return true;
  }

  note(batches: Batches, count: number): void {
    this.#batches.length = count;
    for (let i = 0; i < count; i++) this.#batches[i] = batches[i];
    this.joined?.release();
    this.joined = undefined;
  }
}

/**
 * Joins the batches that a connection got in one flush, so that they leave in a write of one buffer. Connections that got
 * the same batches share the buffer, as long as few connections with others are between them. Small batches are joined for the
 * first such connection, larger ones for the second. A few buffers are kept, each of at most a slab of the pool.
 */
export class JoinedBatches implements BatchJoiner {
  readonly #pool: BufferPool;
  readonly #unsent: UnsentBatches;
  readonly #lists: readonly JoinedList[] = Array.from({ length: MOST_LISTS }, () => new JoinedList());
  /** Index of the list that was used last. */
  #at = 0;
  /** Index of the list that is forgotten next. */
  #next = 0;

  constructor(pool: BufferPool, unsent: UnsentBatches) {
    this.#pool = pool;
    this.#unsent = unsent;
  }

  join(batches: Batches, count: number, bytes: number): Batch | undefined {
    if (bytes > LARGEST_SLAB) return undefined;
    const known = this.#find(batches, count);
    if (known !== undefined) return (known.joined ??= this.#make(batches, count, bytes));
    const list = this.#lists[(this.#at = this.#next)]!;
    this.#next = (this.#next + 1) % MOST_LISTS;
    list.note(batches, count);
    if (bytes > count * SMALL) return undefined;
    return (list.joined = this.#make(batches, count, bytes));
  }

  /** Forgets all lists, and releases their buffers. */
  clear(): void {
    for (const list of this.#lists) list.note([], 0);
  }

  #find(batches: Batches, count: number): JoinedList | undefined {
    for (let i = 0; i < MOST_LISTS; i++) {
      const at = (this.#at + i) % MOST_LISTS;
      const list = this.#lists[at]!;
      if (!list.isOf(batches, count)) continue;
      this.#at = at;
      return list;
    }
    return undefined;
  }

  #make(batches: Batches, count: number, bytes: number): Batch {
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
    const memory = new PooledSlabs(this.#pool, [slab]);
    const joined = new Batch([slab.subarray(0, bytes)], memory, this.#unsent.onSent);
    joined.publications = publications;
    joined.gaps = gaps;
    this.#unsent.add(joined);
    return joined;
  }
}
