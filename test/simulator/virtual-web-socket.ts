import type { Transport } from '../../lib/connection/transport.js';
import type { VirtualSocket } from './virtual-socket.js';

/** What `ws` gives a peer to answer a close frame. Milliseconds. */
const CLOSE_TIMEOUT = 30_000;

/** What a WebSocket needs of the world around it. */
export interface WebSocketWorld {
  nextTick(callback: () => void): void;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** A server's WebSocket as `ws` has it, as far as lib uses it: states, the close frame, and the end of the socket. */
export class VirtualWebSocket implements Transport {
  readyState = 1;
  isPaused = false;
  /** What it was closed with, and whether it was cut off. */
  closed: { readonly code: number; readonly reason: string } | undefined;
  terminated = false;
  readonly #socket: VirtualSocket;
  readonly #world: WebSocketWorld;
  readonly #onClose: () => void;
  /** The event `message`. */
  onMessage: (text: string) => void = () => {};
  /** The event `pong`. */
  onPong: (payload: Buffer) => void = () => {};
  /** What came while it was paused: of it, what is a text is a message. */
  readonly #waiting: (string | Buffer)[] = [];
  #timer: unknown;

  /** @param onClose the event `close`: the socket has ended */
  constructor(
    readonly protocol: string,
    socket: VirtualSocket,
    world: WebSocketWorld,
    onClose: () => void,
  ) {
    this.#socket = socket;
    this.#world = world;
    this.#onClose = onClose;
  }

  /** Stops reading: what the peer sends waits with it. */
  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#world.nextTick(() => {
      for (const item of this.#waiting.splice(0))
        if (typeof item === 'string') this.receive(item);
        else this.receivePong(item);
    });
  }

  /** A message of the peer's. */
  receive(text: string): void {
    if (this.isPaused) this.#waiting.push(text);
    else if (this.readyState === 1) this.onMessage(text);
  }

  /** A pong of the peer's. As those of `ws`, it is told of also while the closing handshake goes on. */
  receivePong(payload: Buffer): void {
    if (this.isPaused) this.#waiting.push(payload);
    else if (this.readyState !== 3 && !this.terminated) this.onPong(payload);
  }

  close(code: number, reason: string): void {
    if (this.readyState !== 1) return;
    this.readyState = 2;
    this.closed = { code, reason };
    const frame = Buffer.alloc(4 + Buffer.byteLength(reason));
    frame.writeUInt8(0x88, 0);
    frame.writeUInt8(frame.length - 2, 1);
    frame.writeUInt16BE(code, 2);
    frame.write(reason, 4);
    try {
      this.#socket.write(frame);
    } catch {
      return this.terminate();
    }
    this.#timer = this.#world.setTimeout(() => this.ended(), CLOSE_TIMEOUT);
  }

  terminate(): void {
    if (this.readyState === 3) return;
    this.readyState = 2;
    this.terminated = true;
    this.#socket.destroy();
    this.#world.nextTick(() => this.ended());
  }

  /** The socket has ended, whoever ended it. */
  ended(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#world.clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#onClose();
  }
}
