import { type BufferPool, LARGEST_SLAB } from '../memory/buffer-pool.js';
import type { GapReason, LogEntry } from './log-entry.js';
import type { Origin, WireFormat } from './wire-format.js';

const NO_GAPS: readonly GapReason[] = [];

/**
 * Encodes the publications of one topic in frames, once for all connections of the format. Frames have at most the size
 * of a slab, because many clients limit the size of a frame (often to 1 MiB). A publication larger than a slab gets
 * memory of its own, outside of the pool.
 */
export function encodeBatch(
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

/**
 * Frames shared by many connections: encoded once, written many times, never copied.
 *
 * The maker of a batch has the first reference. Else a connection that releases the batch during the fan-out would
 * return the slabs to the pool while others still need them. Each keeper of the batch retains it. After the socket
 * write, the reference belongs to the socket until the kernel has accepted the bytes. The last release returns the
 * slabs.
 */
export class Batch {
  /** Whole frames in order. */
  readonly buffers: readonly Buffer[];
  /** Sum of the buffers' lengths. */
  readonly bytes: number;
  /** Number of publications in the frames, for the counters. Set by the maker of the batch. */
  publications = 0;
  /** Reasons of the gaps in the frames, for the counters. Undefined without gaps. Set by the maker of the batch. */
  gaps: readonly GapReason[] | undefined;
  readonly #slabs: readonly Buffer[];
  readonly #pool: BufferPool | undefined;
  readonly #sent: ((batch: Batch) => void) | undefined;
  /** Batch that contains this one. */
  readonly #whole: Batch | undefined;
  #references = 1;
  #pins = 0;

  /**
   * @param slabs the pool's buffers behind `buffers`, owned by the batch from now on
   * @param sent called once, after the last release
   * @param whole the batch whose memory this one shares; the caller retains it
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

  /** Notes that a socket still holds the batch. Returns the bytes that are newly kept for a socket. */
  pin(): number {
    if (this.#whole !== undefined) return this.#whole.pin();
    return this.#pins++ === 0 ? this.bytes : 0;
  }

  /** Notes that a socket has sent the batch. Returns the bytes that are no longer kept. */
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

/** Part of a connection's outgoing side that the fan-out needs. */
export interface BatchSink {
  /**
   * Number of subscriptions that may add batches. With one of them nothing else comes in the same flush, and a batch
   * may be sent at once.
   */
  subscriptionCount: number;
  /** Bytes that may be sent now; Infinity if the socket has sent everything and the line has no limit. */
  readonly room: number;
  /** True if the socket has sent everything, and more may be under way to the client. */
  readonly isReady: boolean;
  /** True if the sink waits for its socket, or for a client to read that is known to answer pings. */
  readonly isStuck: boolean;
  /** Bytes that the kernel has not accepted. */
  readonly unsent: number;
  /** Number that changes whenever the kernel accepts bytes of the current write, and with each acknowledgement. */
  readonly left: number;
  /** Milliseconds from a write until the client has read it. */
  readonly lag: number;
  /** Bytes that the client reads in a millisecond; Infinity while unknown. */
  readonly rate: number;
  /** Sends a batch at once, behind the ones added before. Returns false, and sends nothing, if there is no room. */
  send(batch: Batch): boolean;
  /**
   * Adds a batch, and retains it until it is sent. Returns true if the sink was empty, so that the caller must request
   * a `write`.
   */
  add(batch: Batch): boolean;
  /** Writes everything added so far to the socket in one call. */
  write(): void;
  /** Tells the owner when there is room again: the socket has drained, and the client has read enough. */
  awaitDrain(): void;
  /** Closes the connection because it is too slow. */
  tooSlow(): void;
  /** Ends the connection because it is too slow, and releases its memory without waiting for the client. */
  evict(): void;
}

/** Batches that some socket still holds, for callers that wait until the kernel has accepted everything. */
export class UnsentBatches {
  readonly #batches = new Set<Batch>();
  readonly #waiting = new Set<{ readonly batches: Set<Batch>; readonly done: () => void }>();

  /** Counts a batch, which must call {@link onSent} in the end. */
  add(batch: Batch): void {
    this.#batches.add(batch);
  }

  /** Notes the last release of a batch. */
  readonly onSent = (batch: Batch): void => {
    this.#batches.delete(batch);
    for (const waiter of this.#waiting) {
      if (!waiter.batches.delete(batch) || waiter.batches.size > 0) continue;
      this.#waiting.delete(waiter);
      waiter.done();
    }
  };

  /** Resolves when every batch counted now has left this process, or its socket has ended. */
  sent(): Promise<void> {
    if (this.#batches.size === 0) return Promise.resolve();
    return new Promise(done => this.#waiting.add({ batches: new Set(this.#batches), done }));
  }
}
