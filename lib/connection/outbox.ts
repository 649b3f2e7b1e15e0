import type { Batch, BatchSink } from '../wire/batch.js';
import { HeldBatches, MOST_IN_FLIGHT } from './held-batches.js';
import type { OutboxOwner } from './outbox-owner.js';
import { bytesLeft, OPEN, type SocketPort, type WebSocketPort } from './socket-port.js';
import { writeBatches } from './write-batches.js';

/**
 * The outgoing side of a connection. Batches gather between two writes and leave in one system call; until the
 * kernel has taken them they are held, because the socket reads from the shared slabs.
 *
 * It writes to the TCP socket, past `ws`, which would build a header and a queue entry for each frame. That is safe
 * while the WebSocket is OPEN (nothing may follow a close frame), since every buffer holds whole frames.
 */
export class Outbox implements BatchSink {
  feeds = 0;
  /** Bytes of what was gathered that the client has asked for. */
  asked = 0;
  readonly #ws: WebSocketPort;
  readonly #socket: SocketPort;
  #count = 0;
  #bytes = 0;
  /** Slots are reused: emptying the array would allocate it anew in each flush. */
  #pending: (Batch | undefined)[] | undefined;
  #held: HeldBatches | undefined;
  readonly #owner: OutboxOwner;

  constructor(ws: WebSocketPort, socket: SocketPort, owner: OutboxOwner) {
    this.#ws = ws;
    this.#socket = socket;
    this.#owner = owner;
  }

  /** Bytes that the kernel has not taken yet, gathered ones included. */
  get unsent(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  get gathered(): number {
    return this.#bytes;
  }

  get room(): number {
    const queued = this.#socket.writableLength;
    return queued === 0 || this.#ws.readyState !== OPEN ? Infinity : MOST_IN_FLIGHT - queued - this.#bytes;
  }

  send(batch: Batch): boolean {
    const socket = this.#socket;
    // What nearly every flush meets. The memory of a connection is cold when a flush comes to it, so no more of it is
    // touched than must be.
    const simple =
      this.#count === 0 &&
      batch.buffers.length === 1 &&
      socket.encrypted !== true &&
      this.#ws.readyState === OPEN &&
      socket.writableLength === 0;
    if (!simple) {
      if (this.room < batch.bytes) return false;
      this.add(batch);
      this.write();
      return true;
    }
    try {
      socket.write(batch.buffers[0]!);
    } catch {
      this.#holder().keep(batch);
      this.#ws.terminate();
      return true;
    }
    if (socket.writableLength > 0) this.#holder().keepUntilDrained(batch);
    return true;
  }

  add(batch: Batch): boolean {
    if (this.#ws.readyState !== OPEN) return false;
    batch.retain();
    (this.#pending ??= [])[this.#count] = batch;
    this.#bytes += batch.bytes;
    return this.#count++ === 0;
  }

  get left(): number {
    return bytesLeft(this.#socket);
  }

  write(): void {
    const queued = this.#socket.writableLength;
    const most = this.#owner.maxUnsentBytes;
    if (queued === 0 || this.#count === 0) return this.writeLast();
    // Publications do not come here without room for them, so what is too much are replies.
    if (this.#holder().admits(queued + this.#bytes, this.asked, most)) return this.writeLast();
    this.#drop();
    this.#owner.tooSlow();
  }

  /** Writes whatever it is: nothing follows. */
  writeLast(): void {
    if (this.#count === 0) return;
    if (this.#ws.readyState !== OPEN) return this.#drop();
    try {
      const taken = this.#socket.encrypted ? this.#holder().onTaken(this.#count) : undefined;
      writeBatches(this.#socket, this.#pending!, this.#count, taken);
    } catch {
      // Beyond use; its peers are not. It may have taken a part before, so what was gathered is held until its end.
      this.#hold();
      return this.#ws.terminate();
    }
    if (this.#socket.encrypted) this.#hold();
    else if (this.#socket.writableLength === 0) this.#drop();
    else this.#hold().awaitDrain();
  }

  awaitDrain(): void {
    if (this.#ws.readyState === OPEN) this.#holder().awaitDrain();
  }

  tooSlow(): void {
    this.#owner.tooSlow();
  }

  evict(): void {
    this.#owner.evict();
  }

  /** The socket has ended: nothing reads the batches any more. */
  end(): void {
    this.#drop();
    this.#held?.end();
  }

  #drop(): void {
    for (let i = 0; i < this.#count; i++) {
      this.#pending![i]!.release();
      this.#pending![i] = undefined;
    }
    this.#count = this.#bytes = this.asked = 0;
  }

  #hold(): HeldBatches {
    const held = this.#holder();
    held.begin(this.#bytes);
    for (let i = 0; i < this.#count; i++) held.keep(this.#pending![i]!);
    this.#drop();
    return held;
  }

  #holder(): HeldBatches {
    return (this.#held ??= new HeldBatches(this.#socket, this.#owner));
  }
}
