import type { Transport, WriteSide } from '../../../lib/connection/transport.js';
import { type Frame, parseFrames } from './frames.js';

interface Write {
  readonly data: Uint8Array;
  readonly done: (() => void) | undefined;
  /** Bytes of it that the kernel has read. */
  at: number;
}

/**
 * A TCP socket whose kernel a test plays. Bytes are copied when the kernel takes them and not before, so that memory
 * that is reused too early shows as corruption. As with Node's sockets, a write counts as unsent until all of it is taken.
 */
export class FakeSocket implements WriteSide {
  bytesRead = 0;
  /** The kernel takes nothing until `drain`. */
  stalled = false;
  /** Calls of `write` from now on until one throws; undefined is never. */
  throwsAfter: number | undefined;
  /** Nothing more is to be written. */
  ended = false;
  /** System calls so far. */
  calls = 0;
  /** Called at each system call, for instance to let time pass. */
  onCall: (() => void) | undefined;
  #writes: Write[] = [];
  #corked = 0;
  #destroyed = false;
  readonly #taken: Buffer[] = [];

  get writableLength(): number {
    return this.#writes.reduce((sum, { data }) => sum + data.length, 0);
  }

  /** What the kernel has not read, to the byte. */
  get _handle(): { readonly writeQueueSize: number } {
    return { writeQueueSize: this.#writes.reduce((sum, { data, at }) => sum + data.length - at, 0) };
  }

  /** Everything the kernel took. */
  get taken(): Buffer {
    return Buffer.concat(this.#taken);
  }

  /** The text frames among what the kernel took, parsed as JSON. */
  get frames(): any[] {
    return this.rawFrames
      .filter(({ opcode }) => opcode === 1)
      .map(({ payload }) => JSON.parse(String(payload)));
  }

  get rawFrames(): Frame[] {
    return parseFrames(this.taken);
  }

  write(data: Uint8Array, done?: () => void): boolean {
    if (this.throwsAfter !== undefined && this.throwsAfter-- <= 0) throw new Error('broken socket');
    if (this.#destroyed) {
      done?.();
      return false;
    }
    this.#writes.push({ data, done, at: 0 });
    if (this.#corked === 0) this.#call();
    return this.writableLength === 0;
  }

  end(): void {
    this.ended = true;
  }

  /** Nobody sends it anything. */
  on(): this {
    return this;
  }

  pause(): this {
    return this;
  }

  cork(): void {
    this.#corked++;
  }

  uncork(): void {
    if (--this.#corked === 0 && this.#writes.length > 0) this.#call();
  }

  /** The kernel takes up to `bytes` of what waits, and of what is written in answer to its call-backs. */
  drain(bytes: number = Infinity): void {
    while (this.#writes.length > 0) {
      const first = this.#writes[0]!;
      const end = Math.min(first.data.length, first.at + bytes);
      this.#taken.push(Buffer.from(first.data.subarray(first.at, end)));
      bytes -= end - first.at;
      first.at = end;
      if (end < first.data.length) return;
      this.#writes.shift();
      first.done?.();
    }
  }

  /** The connection is gone: nothing that waits is ever read. Call-backs come later, with `reportLost`. */
  destroy(): void {
    this.#destroyed = true;
    this.#lost.push(...this.#writes.splice(0));
  }

  readonly #lost: Write[] = [];

  /** Node calls back for writes that a destroyed socket never sent. */
  reportLost(): void {
    for (const { done } of this.#lost.splice(0)) done?.();
  }

  #call(): void {
    this.calls++;
    this.onCall?.();
    if (!this.stalled) this.drain();
  }
}

/** The part of a `ws` WebSocket that lib uses. */
export class FakeWebSocket implements Transport {
  readyState: number = 1;
  isPaused = false;
  bufferedAmount = 0;
  closes: { code: number; reason: string }[] = [];
  terminations = 0;

  constructor(readonly protocol: string = '') {}

  close(code: number, reason: string): void {
    this.closes.push({ code, reason });
    this.readyState = 2;
  }

  terminate(): void {
    this.terminations++;
    this.readyState = 2;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}
