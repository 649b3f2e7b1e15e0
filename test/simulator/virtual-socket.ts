import type { WriteSide } from '../../lib/connection/transport.js';
import type { Network } from './scenario.js';
import { type Moment, type Piece, VirtualLine } from './virtual-line.js';

/** What a socket needs of the world around it. */
export interface SocketWorld {
  readonly moment: Moment;
  /** Runs after the current callback, as `process.nextTick` does. */
  nextTick(callback: () => void): void;
  /** A system call is made: time may pass. */
  systemCall(): void;
}

interface Write {
  readonly data: Uint8Array;
  readonly written: Moment;
  readonly done: (() => void) | undefined;
}

/** What the kernel was given in one system call and has not taken all of. */
interface Flight {
  readonly writes: readonly Write[];
  /** The write that is being taken, and how many of its bytes were. */
  index: number;
  offset: number;
  /** Whether the kernel had no room for some of it. */
  waits: boolean;
}

/**
 * A TCP or TLS socket as Node has it, above a {@link VirtualLine}.
 *
 * As in Node: a write is tried at once and the rest of it waits for the kernel; what is written meanwhile is gathered and
 * goes out as one system call; each counts as unsent until all of it is taken; a write that was taken at once calls back
 * after the current callback, any other one when the kernel has taken it. Over TLS nothing is taken at once.
 *
 * Bytes are copied when the kernel takes them and not before, so that memory which is reused too early shows.
 */
export class VirtualSocket implements WriteSide {
  bytesRead = 0;
  /** Is told of each write. */
  onWrite: (data: Uint8Array) => void = () => {};
  /** The next call of `write` throws. */
  broken = false;
  /** When the kernel last took a byte, or had nothing to take. */
  tookAt: number;
  /** When the kernel last took a byte that had waited for it: what it takes at once proves nothing. */
  tookWaitingAt = -Infinity;
  /** As Node's sockets have it: how much of what the kernel was given it has not taken, byte by byte. */
  readonly _handle: { readonly writeQueueSize: number };
  readonly #world: SocketWorld;
  readonly #line: VirtualLine;
  #buffered: Write[] = [];
  #flight: Flight | undefined;
  #corked = 0;
  #length = 0;
  #destroyed = false;
  #lost: Write[] = [];

  constructor(
    world: SocketWorld,
    network: Network,
    readonly encrypted: boolean,
  ) {
    this.#world = world;
    this.#line = new VirtualLine(network, () => world.moment.at);
    this.tookAt = world.moment.at;
    const queued = (): number => this.#queued();
    this._handle = {
      get writeQueueSize() {
        return queued();
      },
    };
  }

  get writableLength(): number {
    return this.#length;
  }

  /** Whether the kernel or the peer may have something to do as time passes, and it is not known when. */
  get busy(): boolean {
    return !this.#destroyed && this.#line.isBusy;
  }

  /** When the peer will have read the next write; Infinity when that is not known. */
  get readsAt(): number {
    // Over TLS the kernel gets it in the next turn.
    return this.#flight?.waits === false ? this.#world.moment.at : this.#line.readsAt;
  }

  /** Milliseconds from one end of the line to the other. */
  get delay(): number {
    return this.#line.delay;
  }

  /** Bytes that were written and that the peer has not read. */
  get underWay(): number {
    let bytes = this.#line.bytes + this.#queued();
    for (const { data } of this.#buffered) bytes += data.length;
    return bytes;
  }

  /** The memory that the socket may still read from. */
  *pinned(): Generator<Uint8Array> {
    for (const { data } of this.#flight?.writes ?? []) yield data;
    for (const { data } of this.#buffered) yield data;
  }

  setNetwork(network: Network): void {
    this.#line.network = network;
  }

  /** The peer is gone and nobody was told. */
  vanish(): void {
    this.#line.vanish();
  }

  write(data: Uint8Array, done?: () => void): boolean {
    if (this.broken) throw new Error('broken socket');
    if (this.#destroyed) {
      if (done !== undefined) this.#world.nextTick(done);
      return false;
    }
    this.onWrite(data);
    this.#length += data.length;
    this.#buffered.push({ data, done, written: this.#world.moment });
    this.#start();
    return this.#length === 0;
  }

  end(): never {
    return nobodyAttacks();
  }

  on(): never {
    return nobodyAttacks();
  }

  pause(): never {
    return nobodyAttacks();
  }

  cork(): void {
    this.#corked++;
  }

  uncork(): void {
    this.#corked--;
    this.#start();
  }

  /** The kernel and the peer do what they can by now. Returns what the peer has read, in order. */
  run(): Piece[] {
    const read: Piece[] = [];
    if (this.#destroyed) return read;
    const reads = this.#line.reads();
    for (;;) {
      const moved = (reads ? this.#line.read(read) : 0) + this.#take();
      if (this.#flight !== undefined && this.#isTaken(this.#flight)) this.#land();
      else if (moved === 0) break;
    }
    return read;
  }

  /** The connection is gone: nothing that waits is ever read. Call-backs come later, with `reportLost`. */
  destroy(): void {
    this.#destroyed = true;
    this.#lost.push(...(this.#flight?.writes ?? []), ...this.#buffered);
    this.#flight = undefined;
    this.#buffered = [];
    this.#line.end();
    this.#length = 0;
  }

  /** Node calls back for writes that a destroyed socket never sent. */
  reportLost(): void {
    for (const { done } of this.#lost.splice(0)) done?.();
  }

  /** Hands what was gathered to the kernel, unless it is still busy with what it was given before. */
  #start(): void {
    if (this.#corked > 0 || this.#flight !== undefined || this.#buffered.length === 0) return;
    const flight: Flight = { writes: this.#buffered, index: 0, offset: 0, waits: false };
    this.#buffered = [];
    if (this.#length === flight.writes.reduce((sum, { data }) => sum + data.length, 0))
      this.tookAt = this.#world.moment.at;
    this.#flight = flight;
    this.#world.systemCall();
    if (this.encrypted) return;
    this.#take();
    if (!this.#isTaken(flight)) return;
    this.#settle(flight);
    this.#world.nextTick(() => callBack(flight));
  }

  /** A flight that took its time has been taken: as in Node, what was gathered goes out before anybody is told. */
  #land(): void {
    const flight = this.#flight!;
    this.#settle(flight);
    this.#start();
    callBack(flight);
  }

  #settle(flight: Flight): void {
    this.#flight = undefined;
    for (const { data } of flight.writes) this.#length -= data.length;
  }

  #queued(): number {
    if (this.#flight === undefined) return 0;
    const { writes, index, offset } = this.#flight;
    let bytes = -offset;
    for (let i = index; i < writes.length; i++) bytes += writes[i]!.data.length;
    return bytes;
  }

  #isTaken({ writes, index }: Flight): boolean {
    return index === writes.length;
  }

  /** The kernel copies what it has room for. Returns how many bytes. */
  #take(): number {
    const flight = this.#flight;
    if (flight === undefined) return 0;
    let taken = 0;
    while (flight.index < flight.writes.length) {
      const { data, written } = flight.writes[flight.index]!;
      const end = Math.min(data.length, flight.offset + this.#line.room);
      if (end > flight.offset) {
        this.#line.take(data.subarray(flight.offset, end), written);
        taken += end - flight.offset;
        flight.offset = end;
      }
      if (end < data.length) break;
      flight.index++;
      flight.offset = 0;
    }
    const { at } = this.#world.moment;
    if (taken > 0) this.tookAt = at;
    if (taken > 0 && flight.waits) this.tookWaitingAt = at;
    flight.waits = !this.#isTaken(flight);
    return taken;
  }
}

function callBack({ writes }: Flight): void {
  for (const { done } of writes) done?.();
}

function nobodyAttacks(): never {
  throw new Error('only those who attack are closed for good and silenced, and nobody does here');
}
