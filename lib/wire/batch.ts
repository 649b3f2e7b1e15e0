import { type BufferPool, LARGEST_SLAB } from '../memory/buffer-pool.js';
import { SlabShelf } from '../memory/slab-shelf.js';
import type { GapReason, LogEntry } from './log-entry.js';
import type { Origin, WireFormat } from './wire-format.js';

const NO_GAPS: readonly GapReason[] = [];

/**
 * Encodes the publications of one topic in frames, once for all connections of the format. Frames have at most the size
 * of a slab, because many clients limit the size of a frame (often to 1 MiB). A publication larger than a slab gets
 * memory of its own, outside of the pool.
 * @param shelf memory for small batches; without it each batch has slabs of its own
 */
export function encodeBatch(
  format: WireFormat,
  origin: Origin,
  publications: readonly LogEntry[],
  pool: BufferPool,
  sent?: (batch: Batch) => void,
  shelf?: SlabShelf,
): Batch {
  const size = format.size(origin, publications);
  const batch =
    shelf !== undefined && size <= SlabShelf.MOST
      ? shelved(format, origin, publications, size, shelf, sent)
      : slabbed(format, origin, publications, size, pool, sent);
  const gaps = gapsIn(publications);
  batch.publications = publications.length - gaps.length;
  // A format may write nothing for gaps.
  if (gaps.length > 0 && format.mostForGap(origin) > 0) batch.gaps = gaps;
  return batch;
}

function shelved(
  format: WireFormat,
  origin: Origin,
  publications: readonly LogEntry[],
  size: number,
  shelf: SlabShelf,
  sent?: (batch: Batch) => void,
): Batch {
  const slab = shelf.with(size);
  const at = slab.take(size);
  format.write(slab.memory, at, origin, publications);
  return new Batch([slab.memory.subarray(at, at + size)], slab, sent);
}

function slabbed(
  format: WireFormat,
  origin: Origin,
  publications: readonly LogEntry[],
  size: number,
  pool: BufferPool,
  sent?: (batch: Batch) => void,
): Batch {
  const buffers: Buffer[] = [];
  const slabs: Buffer[] = [];
  const add = (piece: readonly LogEntry[], bytes: number): void => {
    const pooled = bytes <= LARGEST_SLAB;
    const memory = pooled ? pool.take(bytes) : Buffer.allocUnsafeSlow(bytes);
    format.write(memory, 0, origin, piece);
    buffers.push(memory.subarray(0, bytes));
    if (pooled) slabs.push(memory);
  };
  if (size <= LARGEST_SLAB) add(publications, size);
  else for (const piece of piecesOf(publications, format, origin)) add(piece, format.size(origin, piece));
  return new Batch(buffers, new PooledSlabs(pool, slabs), sent);
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

/** Memory behind the buffers of a batch. */
export interface BatchMemory {
  /** Counts what sockets keep, where the memory is shared with other batches; see {@link Batch.pin}. */
  pin?(): number;
  unpin?(): number;
  /** Called once, after the last release of the batch. */
  release(): void;
}

/** Slabs of the pool that belong to one batch. */
export class PooledSlabs implements BatchMemory {
  readonly #pool: BufferPool;
  readonly #slabs: readonly Buffer[];

  constructor(pool: BufferPool, slabs: readonly Buffer[]) {
    this.#pool = pool;
    this.#slabs = slabs;
  }

  release(): void {
    for (const slab of this.#slabs) this.#pool.give(slab);
  }
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
  readonly #memory: BatchMemory | undefined;
  readonly #sent: ((batch: Batch) => void) | undefined;
  /** Batch that contains this one. */
  readonly #whole: Batch | undefined;
  /** Place among the unsent batches. Set by {@link UnsentBatches}. */
  generation: { left: number } | undefined;
  #references = 1;
  #pins = 0;

  /**
   * @param memory memory behind `buffers`, owned by the batch from now on; undefined for memory outside of the pool
   * @param sent called once, after the last release
   * @param whole the batch whose memory this one shares; the caller retains it
   */
  constructor(
    buffers: readonly Buffer[],
    memory?: BatchMemory,
    sent?: (batch: Batch) => void,
    whole?: Batch,
  ) {
    this.buffers = buffers;
    this.#memory = memory;
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
    if (this.#pins++ > 0) return 0;
    return this.#memory?.pin === undefined ? this.bytes : this.#memory.pin();
  }

  /** Notes that a socket has sent the batch. Returns the bytes that are no longer kept. */
  unpin(): number {
    if (this.#whole !== undefined) return this.#whole.unpin();
    if (--this.#pins > 0) return 0;
    return this.#memory?.unpin === undefined ? this.bytes : this.#memory.unpin();
  }

  release(): void {
    if (--this.#references > 0) return;
    this.#memory?.release();
    this.#sent?.(this);
  }
}

/** Maker of one batch from several ones that a connection gets together. */
export interface BatchJoiner {
  /**
   * Returns one batch with one buffer, in place of the first `count` batches; undefined if they are better written as they are.
   * The joiner owns the result, so a keeper of it retains it.
   * @param bytes sum of the batches' bytes
   */
  join(batches: readonly (Batch | undefined)[], count: number, bytes: number): Batch | undefined;
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
  /**
   * Adds a batch if there is room for it. Returns false, and adds nothing, if there is none.
   * @param later collects the sink if it was empty, because it needs a `write`
   */
  gather(batch: Batch, later: BatchSink[]): boolean;
  /**
   * Writes everything added so far to the socket in one call.
   * @param joiner makes one buffer of several batches; without it each batch is a buffer of its own
   */
  write(joiner?: BatchJoiner): void;
  /** Tells the owner when there is room again: the socket has drained, and the client has read enough. */
  awaitDrain(): void;
  /** Closes the connection because it is too slow. */
  tooSlow(): void;
  /** Ends the connection because it is too slow, and releases its memory without waiting for the client. */
  evict(): void;
}

/** Batches that were counted one after the other, between two waits. */
class Generation {
  /** Number of batches that are not sent. */
  left = 0;
  /** Called when all batches of this and of earlier generations are sent. */
  done: (() => void)[] = [];
}

/**
 * Counts batches that some socket still holds, for callers that wait until the kernel has accepted everything. A wait ends
 * when the batches counted before it are sent, whatever is counted after it.
 */
export class UnsentBatches {
  /** Generations with unsent batches or a wait, oldest first. The last one is open. */
  readonly #generations: Generation[] = [new Generation()];

  /** Counts a batch, which must call {@link onSent} in the end. */
  add(batch: Batch): void {
    const open = this.#generations.at(-1)!;
    open.left++;
    batch.generation = open;
  }

  /** Notes the last release of a batch. */
  readonly onSent = ({ generation }: Batch): void => {
    if (--generation!.left === 0 && this.#generations.length > 1) this.#settle();
  };

  /** Resolves when every batch counted now has left this process, or its socket has ended. */
  sent(): Promise<void> {
    const open = this.#generations.at(-1)!;
    if (open.left === 0 && this.#generations.length === 1) return Promise.resolve();
    this.#generations.push(new Generation());
    return new Promise(done => open.done.push(done));
  }

  #settle(): void {
    while (this.#generations.length > 1 && this.#generations[0]!.left === 0)
      for (const done of this.#generations.shift()!.done) done();
  }
}
