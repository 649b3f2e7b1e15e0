import type { Batch } from '../wire/batch.js';
import type { SocketPort } from './socket-port.js';

/** Bytes that a busy socket is given, and a reply waits for. More waits in the log, where it is kept once for everybody. */
export const MOST_IN_FLIGHT = 64 * 1024;

/** Asks a socket to call back when everything before it has left. Empty, so it costs nothing on the wire. */
export const NOTHING: Uint8Array = new Uint8Array(0);

/** Who wants to know of them. */
export interface HeldBatchesDeps {
  /** @param bytes that are kept for the socket from now on; negative for what is not any more */
  pinned(bytes: number): void;
  /** The socket has taken what it was given when it was asked for. */
  drained(): void;
  /** The socket throws instead of emitting an error: it is beyond use. */
  broken(): void;
}

/**
 * The batches that a socket was given and may still read from, in order. A TCP socket has mostly taken everything when a
 * write returns, and then needs none of this; a TLS socket never has.
 */
export class HeldBatches {
  readonly #socket: SocketPort;
  readonly #deps: HeldBatchesDeps;
  readonly #batches: Batch[] = [];
  /** How many of the batches each write under way covers, where every write calls back. */
  readonly #covered: number[] = [];
  #asked = false;
  /** Bytes that the socket was rightly given: when it had taken everything before, or because they were asked for. */
  #burst = 0;

  constructor(socket: SocketPort, deps: HeldBatchesDeps) {
    this.#socket = socket;
    this.#deps = deps;
  }

  /** A write of so many bytes has made the socket busy, or has found it so. */
  begin(bytes: number): void {
    if (this.#batches.length === 0) this.#burst = bytes;
  }

  /**
   * Whether so much may be unsent.
   * @param asked those of the bytes that the client has asked for, and that waited for room
   * @param most that may be unsent beside what the socket was rightly given
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

  /** Lets go of what is held now when the socket says that it has left: one question at a time is enough. */
  awaitDrain(): void {
    if (this.#asked) return;
    this.#asked = true;
    // Where every write calls back, they let go themselves.
    const covered = this.#socket.encrypted ? 0 : this.#batches.length;
    try {
      this.#socket.write(NOTHING, () => {
        this.#asked = false;
        this.#release(covered);
        if (this.#batches.length > 0 && !this.#socket.encrypted) this.awaitDrain();
        this.#deps.drained();
      });
    } catch {
      this.#deps.broken();
    }
  }

  /** For the last write of `count` batches that are kept after it: lets go of them when it is called back. */
  onTaken(count: number): () => void {
    this.#covered.push(count);
    return this.#taken;
  }

  /** The socket has ended: nothing reads the batches any more. */
  end(): void {
    this.#release(this.#batches.length);
  }

  readonly #taken = (): void => this.#release(this.#covered.shift()!);

  /** Late call-backs find nothing: `end` has released it all. */
  #release(count: number): void {
    for (const batch of this.#batches.splice(0, count)) {
      this.#deps.pinned(-batch.unpin());
      batch.release();
    }
  }
}
