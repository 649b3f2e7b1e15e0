import type { Batch } from '../wire/batch.js';
import type { SocketPort } from './socket-port.js';

/** Asks a socket to call back when everything before it has left. Empty, so it costs nothing on the wire. */
const NOTHING = new Uint8Array(0);

/** The batches that a socket was given and may still read from, in order. Made only for sockets that ever lag. */
export class HeldBatches {
  readonly #socket: SocketPort;
  readonly #batches: Batch[] = [];
  /** How many of the batches each write under way covers, where every write calls back. */
  readonly #covered: number[] = [];
  #asked = false;

  constructor(socket: SocketPort) {
    this.#socket = socket;
  }

  keep(batch: Batch): void {
    batch.retain();
    this.#batches.push(batch);
  }

  /** Lets go of what is held now when the socket says that it has left: one question at a time is enough. */
  awaitDrain(): void {
    if (this.#asked) return;
    this.#asked = true;
    const covered = this.#batches.length;
    this.#socket.write(NOTHING, () => {
      this.#asked = false;
      this.#release(covered);
      if (this.#batches.length > 0) this.awaitDrain();
    });
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
    for (const batch of this.#batches.splice(0, count)) batch.release();
  }
}
