import type { Batch } from '../wire/batch.js';
import type { WriteSide } from './transport.js';

/**
 * Most bytes given to a busy socket, and the limit above which a reply waits. The rest stays in the log, stored once
 * for all subscribers.
 */
export const MOST_IN_FLIGHT = 64 * 1024;

/** Empty write, for a call-back when the socket has sent everything before it. It costs nothing on the wire. */
export const NOTHING: Uint8Array = new Uint8Array(0);

/** Collaborators of {@link HeldBatches}. */
export interface HeldBatchesDeps {
  /** Counts memory kept for a output. @param bytes newly kept bytes; negative for released bytes */
  pinned(bytes: number): void;
  /** Called when the socket has sent everything that it held at the time of the question. */
  drained(): void;
  /** Called when the socket throws instead of emitting an error, and so is unusable. */
  broken(): void;
}

/**
 * Batches given to a socket that may still read from them, in order. A TCP socket has mostly sent everything when a
 * write returns, and then needs no entry here. A TLS socket never has.
 */
export class HeldBatches {
  readonly #output: WriteSide;
  readonly #deps: HeldBatchesDeps;
  readonly #batches: Batch[] = [];
  /** Number of batches in each write, if every write calls back. */
  readonly #covered: number[] = [];
  #asked = false;
  /** Bytes that the socket holds with permission: it was empty before, or the client had asked for them. */
  #burst = 0;

  constructor(output: WriteSide, deps: HeldBatchesDeps) {
    this.#output = output;
    this.#deps = deps;
  }

  /** Begins to count a write of so many bytes to a busy output. */
  begin(bytes: number): void {
    if (this.#batches.length === 0) this.#burst = bytes;
  }

  /**
   * Tells whether so many bytes may be unsent.
   * @param asked the part of `unsent` that the client has asked for, and that waited for room
   * @param most bytes allowed beyond those held with permission
   */
  admits(unsent: number, asked: number, most: number): boolean {
    const limit = most + Math.max(MOST_IN_FLIGHT, this.#burst);
    if (unsent - asked > limit) return false;
    if (unsent > limit) this.#burst = unsent;
    return true;
  }

  keep(batch: Batch): void {
    batch.retain();
    this.#deps.pinned(batch.pin());
    this.#batches.push(batch);
  }

  keepUntilDrained(batch: Batch): void {
    this.begin(batch.bytes);
    this.keep(batch);
    this.awaitDrain();
  }

  /** Releases the batches held now when the socket has sent them. One pending question is enough. */
  awaitDrain(): void {
    if (this.#asked) return;
    this.#asked = true;
    // If every write calls back, its call-back releases the batches.
    const covered = this.#output.encrypted ? 0 : this.#batches.length;
    try {
      this.#output.write(NOTHING, () => {
        this.#asked = false;
        this.#release(covered);
        if (this.#batches.length > 0 && !this.#output.encrypted) this.awaitDrain();
        this.#deps.drained();
      });
    } catch {
      this.#deps.broken();
    }
  }

  /** Returns a call-back for the write of the `count` batches kept next. It releases these batches. */
  onTaken(count: number): () => void {
    this.#covered.push(count);
    return this.#taken;
  }

  /** Releases everything, because the socket has ended and no longer reads the batches. */
  end(): void {
    this.#release(this.#batches.length);
  }

  readonly #taken = (): void => this.#release(this.#covered.shift()!);

  /** Releases the oldest batches. A late call-back finds none, because `end` has released all. */
  #release(count: number): void {
    for (const batch of this.#batches.splice(0, count)) {
      this.#deps.pinned(-batch.unpin());
      batch.release();
    }
  }
}
