import type { Network } from './scenario.js';

/** A moment of the server: its time, and how many publications there were until then. */
export interface Moment {
  readonly at: number;
  readonly seq: number;
}

/** Bytes on their way to the peer. */
export interface Piece {
  readonly bytes: Buffer;
  /** When the server handed them to the socket. */
  readonly written: Moment;
}

/** Bytes that the kernel has. */
interface Taken extends Piece {
  /** When the first of them may reach the peer. */
  readonly ready: number;
}

/** What the kernel of a fast peer keeps once the peer has vanished. */
const KERNEL_BYTES = 65_536;

/** Share of a byte that sums of fractions may be off. */
const ROUNDING = 1e-6;

/** The kernel below a socket and what is behind it, down to the peer, as a {@link Network} says. */
export class VirtualLine {
  /** Bytes that were taken and that the peer has not read. */
  bytes = 0;
  #network: Network;
  readonly #now: () => number;
  #networkSince: number;
  #pieces: Taken[] = [];
  /** When the peer last had a chance to read. */
  #lookedAt: number;
  /** When a slow line was done with the last byte. */
  #freeAt: number;

  constructor(network: Network, now: () => number) {
    this.#network = network;
    this.#now = now;
    this.#networkSince = this.#lookedAt = this.#freeAt = now();
  }

  set network(network: Network) {
    this.#network = network;
    this.#networkSince = this.#lookedAt = this.#freeAt = this.#now();
  }

  /** The peer is gone: the kernel takes what it has room for, and that is all. */
  vanish(): void {
    const network = this.#network;
    this.network = { kind: 'frozen', buffer: network.kind === 'fast' ? KERNEL_BYTES : network.buffer };
  }

  /** Bytes that the kernel takes. */
  get room(): number {
    return this.#network.kind === 'fast' ? Infinity : this.#network.buffer - this.bytes;
  }

  /** Milliseconds from one end of the line to the other. */
  get delay(): number {
    return this.#network.kind === 'proxied' ? this.#network.delay : 0;
  }

  /** Whether something may move as time passes, and it is not known when. */
  get isBusy(): boolean {
    const { kind } = this.#network;
    return kind !== 'fast' && kind !== 'proxied' && this.bytes > 0;
  }

  /** When the peer will have read the next piece; Infinity when that is not known. */
  get readsAt(): number {
    const network = this.#network;
    const next = this.#pieces[0];
    if (next === undefined) return Infinity;
    if (network.kind === 'fast') return this.#now();
    if (network.kind !== 'proxied') return Infinity;
    return Math.max(this.#freeAt, next.ready) + next.bytes.length / network.rate;
  }

  /** The kernel takes bytes, which it copies. */
  take(data: Uint8Array, written: Moment): void {
    // What waited for room was taken when a slow line made some.
    const ready = Math.max(written.at, this.#freeAt) + this.delay;
    this.#pieces.push({ bytes: Buffer.from(data), written, ready });
    this.bytes += data.length;
  }

  /** Whether the peer reads at all since it was last asked. */
  reads(): boolean {
    const network = this.#network;
    const now = this.#now();
    const paused = now - this.#lookedAt;
    this.#lookedAt = now;
    if (network.kind !== 'flapping') return network.kind !== 'frozen';
    const { on, off } = network;
    return (now - this.#networkSince) % (on + off) < on || paused > off;
  }

  /** The peer reads what it can by now. Returns how many bytes. */
  read(into: Piece[]): number {
    let read = 0;
    while (this.#pieces.length > 0) {
      const piece = this.#pieces[0]!;
      const { bytes, written } = piece;
      const count = this.#readable(piece);
      if (count === 0) break;
      read += count;
      if (count === bytes.length) into.push(this.#pieces.shift()!);
      else {
        into.push({ bytes: bytes.subarray(0, count), written });
        this.#pieces[0] = { ...piece, bytes: bytes.subarray(count) };
      }
    }
    this.bytes -= read;
    return read;
  }

  /** Nothing is read any more. */
  end(): void {
    this.#pieces = [];
    this.bytes = 0;
  }

  /** How many bytes of a piece the peer reads by now. */
  #readable({ bytes, ready }: Taken): number {
    const network = this.#network;
    if (network.kind !== 'slow' && network.kind !== 'proxied') return bytes.length;
    const from = Math.max(this.#freeAt, ready);
    const passed = this.#now() - from;
    if (passed <= 0) return 0;
    const count = Math.min(bytes.length, Math.floor(passed * network.rate + ROUNDING));
    if (count > 0) this.#freeAt = from + count / network.rate;
    return count;
  }
}
