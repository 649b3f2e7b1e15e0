import type { BufferPool } from '../memory/buffer-pool.js';

/**
 * Ready frames shared by every connection they go to: encoded once, written many times, copied never.
 *
 * Born with one reference, its maker's: without it a connection that lets go during the fan-out would send the
 * slabs home while others still need them. Whoever keeps the batch retains it; from the socket write on, the
 * reference is the socket's until the kernel has taken the bytes. With the last release the slabs go home.
 */
export class Batch {
  /** Frames in order, none cut in two. */
  readonly buffers: readonly Buffer[];
  /** Sum of the buffers' lengths. */
  readonly bytes: number;
  readonly #slabs: readonly Buffer[];
  readonly #pool: BufferPool | undefined;
  readonly #sent: ((batch: Batch) => void) | undefined;
  #references = 1;

  /**
   * @param slabs the pool's buffers behind `buffers`, owned by the batch from now on
   * @param sent called once, when the last holder let go
   */
  constructor(
    buffers: readonly Buffer[],
    pool?: BufferPool,
    slabs: readonly Buffer[] = [],
    sent?: (batch: Batch) => void,
  ) {
    this.buffers = buffers;
    this.#pool = pool;
    this.#slabs = slabs;
    this.#sent = sent;
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.length;
    this.bytes = bytes;
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    if (--this.#references > 0) return;
    for (const slab of this.#slabs) this.#pool!.give(slab);
    this.#sent?.(this);
  }
}

/** Where batches go: the outgoing side of one connection, as much of it as the fan-out needs. */
export interface BatchSink {
  /** Subscriptions that add to it. With one of them nothing else comes in the same flush, and what it has may be sent at once. */
  feeds: number;
  /** Hands a batch to the socket at once, behind what was added before. */
  send(batch: Batch): void;
  /** Keeps a reference to the batch until it is sent. True when the sink was empty, so that somebody must call `write`. */
  add(batch: Batch): boolean;
  /** Hands everything added so far to the socket in one write. */
  write(): void;
}
