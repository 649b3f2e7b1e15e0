import type { Batch, BatchSink } from '../wire/batch.js';
import { OPEN, type SocketPort, type WebSocketPort } from './socket-port.js';

/** Asks a socket to call back when everything before it has left. Empty, so it costs nothing on the wire. */
const NOTHING = new Uint8Array(0);

/**
 * The outgoing side of a connection. Batches gather between two writes and leave in one system call; until the
 * kernel has taken them they are held, because the socket reads from the shared slabs.
 *
 * It writes to the TCP socket, past `ws`, which would build a header and a queue entry for each frame. That is safe
 * while the WebSocket is OPEN (nothing may follow a close frame), since every buffer holds whole frames.
 */
export class Outbox implements BatchSink {
  feeds = 0;
  readonly #ws: WebSocketPort;
  readonly #socket: SocketPort;
  readonly #limit: number;
  readonly #slow: () => void;
  /** Slots are reused: emptying the array would allocate it anew in each flush. */
  readonly #pending: (Batch | undefined)[] = [undefined];
  #count = 0;
  #bytes = 0;
  #held: Batch[] | undefined;
  /** Over TLS: how many of the held batches each write under way covers. */
  #writes: number[] | undefined;
  #taken: (() => void) | undefined;

  /**
   * @param limit bytes that may be unsent before the peer counts as slow
   * @param slow called instead of a write that would go over the limit
   */
  constructor(ws: WebSocketPort, socket: SocketPort, limit: number, slow: () => void) {
    this.#ws = ws;
    this.#socket = socket;
    this.#limit = limit;
    this.#slow = slow;
  }

  /** Bytes that the kernel has not taken yet, gathered ones included. */
  get unsent(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /** Bytes gathered for the next write. */
  get gathered(): number {
    return this.#bytes;
  }

  add(batch: Batch): boolean {
    if (this.#ws.readyState !== OPEN) return false;
    batch.retain();
    this.#pending[this.#count] = batch;
    this.#bytes += batch.bytes;
    return this.#count++ === 0;
  }

  write(): void {
    if (this.#count === 0) return;
    if (this.#ws.readyState !== OPEN) return this.#drop();
    const queued = this.#socket.writableLength;
    // A socket that has taken all it was given is not slow, however much comes at once.
    if (queued > 0 && queued + this.#bytes > this.#limit) {
      this.#drop();
      return this.#slow();
    }
    // A TCP socket has mostly taken everything when the call returns, and then needs no call-back; a TLS socket never has.
    const taken = this.#socket.encrypted === true ? this.#callback() : undefined;
    try {
      this.#writePending(taken);
    } catch {
      // A socket that throws instead of emitting an error is beyond use; its peers are not. It may have taken a part
      // before, so what was gathered is held until its end.
      this.#hold();
      return this.#ws.terminate();
    }
    if (taken !== undefined) this.#hold();
    else if (this.#socket.writableLength === 0) this.#drop();
    else if (this.#hold()) this.#awaitDrain();
  }

  /** The socket has ended: nothing reads the batches any more. */
  end(): void {
    this.#drop();
    for (const batch of this.#held ?? []) batch.release();
    this.#held = undefined;
  }

  #writePending(taken: (() => void) | undefined): void {
    const first = this.#pending[0]!;
    if (this.#count === 1 && first.buffers.length === 1) {
      this.#socket.write(first.buffers[0]!, taken);
      return;
    }
    this.#socket.cork();
    const last = this.#pending[this.#count - 1]!.buffers.at(-1);
    for (let i = 0; i < this.#count; i++) {
      for (const buffer of this.#pending[i]!.buffers)
        this.#socket.write(buffer, buffer === last ? taken : undefined);
    }
    this.#socket.uncork();
  }

  /** Lets go of what was gathered: sent, or never to be. */
  #drop(): void {
    for (let i = 0; i < this.#count; i++) {
      this.#pending[i]!.release();
      this.#pending[i] = undefined;
    }
    this.#count = this.#bytes = 0;
  }

  /** Keeps what was gathered. True when nothing was held before, so that no call-back of the socket is out. */
  #hold(): boolean {
    const idle = this.#held === undefined;
    this.#held ??= [];
    for (let i = 0; i < this.#count; i++) {
      this.#held.push(this.#pending[i]!);
      this.#pending[i] = undefined;
    }
    this.#count = this.#bytes = 0;
    return idle;
  }

  /** For the last write of a TLS flush: lets go of what it covers. Bound once a connection. */
  #callback(): () => void {
    this.#writes ??= [];
    this.#writes.push(this.#count);
    return (this.#taken ??= () => this.#release(this.#writes!.shift()!));
  }

  /** Lets go of what is held now when the socket says that it has left. */
  #awaitDrain(): void {
    const covered = this.#held!.length;
    this.#socket.write(NOTHING, () => {
      this.#release(covered);
      if (this.#held !== undefined) this.#awaitDrain();
    });
  }

  #release(count: number): void {
    // Undefined after end(), which has released them all.
    const held = this.#held;
    if (held === undefined) return;
    for (const batch of held.splice(0, count)) batch.release();
    if (held.length === 0) this.#held = undefined;
  }
}
