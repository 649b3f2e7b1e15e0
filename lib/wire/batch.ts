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
  /** Number of publications in the frames, for the counters. Set by the maker of the batch. */
  publications = 0;
  readonly #slabs: readonly Buffer[];
  readonly #pool: BufferPool | undefined;
  readonly #sent: ((batch: Batch) => void) | undefined;
  /** The batch that this one is a part of. */
  readonly #whole: Batch | undefined;
  #references = 1;
  #pins = 0;

  /**
   * @param slabs the pool's buffers behind `buffers`, owned by the batch from now on
   * @param sent called once, when the last holder let go
   * @param whole the batch whose memory this one shows parts of; the caller retains it
   */
  constructor(
    buffers: readonly Buffer[],
    pool?: BufferPool,
    slabs: readonly Buffer[] = [],
    sent?: (batch: Batch) => void,
    whole?: Batch,
  ) {
    this.buffers = buffers;
    this.#pool = pool;
    this.#slabs = slabs;
    this.#sent = sent;
    this.#whole = whole;
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.length;
    this.bytes = bytes;
  }

  retain(): void {
    this.#references++;
  }

  /** A socket has not taken it yet. Returns the bytes that are so kept from being reused, and were not before. */
  pin(): number {
    if (this.#whole !== undefined) return this.#whole.pin();
    return this.#pins++ === 0 ? this.bytes : 0;
  }

  /** The socket has taken it. Returns the bytes that are no longer kept. */
  unpin(): number {
    if (this.#whole !== undefined) return this.#whole.unpin();
    return --this.#pins === 0 ? this.bytes : 0;
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
  /** Bytes it takes now; Infinity when its socket has taken all it was given, and the line is not bounded. */
  readonly room: number;
  /** Whether its socket has taken all it was given, and more may be under way to the client. */
  readonly isReady: boolean;
  /** Whether it waits for its socket, or for a client to read that is known to tell. */
  readonly isStuck: boolean;
  /** Bytes it was given that the kernel has not taken. */
  readonly unsent: number;
  /** Changes whenever the kernel takes some of the write under way, and with each acknowledgement. */
  readonly left: number;
  /** Milliseconds from a write to the client having read it. */
  readonly lag: number;
  /** Bytes a millisecond that the client reads; Infinity while that is not known. */
  readonly rate: number;
  /** Hands a batch to the socket at once, behind what was added before. False, and nothing is sent, without room for it. */
  send(batch: Batch): boolean;
  /** Keeps a reference to the batch until it is sent. True when the sink was empty, so that somebody must call `write`. */
  add(batch: Batch): boolean;
  /** Hands everything added so far to the socket in one write. */
  write(): void;
  /** Tells its owner when there is room again: the socket has taken what it was given, and the client has read enough. */
  awaitDrain(): void;
  /** Closes the connection because it is too slow. */
  tooSlow(): void;
  /** Ends the connection because it is too slow, and lets go of what it holds, without waiting for the peer. */
  evict(): void;
}
