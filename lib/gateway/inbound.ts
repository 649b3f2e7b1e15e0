import type { RawData, WebSocket } from 'ws';

/** A message as it arrived: text as a string, binary as `ws` gives it. */
export type Incoming = string | RawData;

/** Messages that may wait before the socket is paused. `ws` may still emit what is left of the chunk it has in hand. */
const QUEUE_LIMIT = 16;

/**
 * The messages of one connection, handled in order and one at a time, and none before the connection is ready.
 * Waiting messages are bounded by pausing the socket: what does not fit stays in the peer's kernel.
 */
export class Inbound {
  readonly #socket: WebSocket;
  readonly #handle: (message: Incoming) => void | Promise<void>;
  #queue: Incoming[] | undefined;
  #busy = true;
  #cleared = false;

  /** @param handle must not throw or reject */
  constructor(socket: WebSocket, handle: (message: Incoming) => void | Promise<void>) {
    this.#socket = socket;
    this.#handle = handle;
  }

  receive(message: Incoming): void {
    if (this.#cleared) return;
    if (!this.#busy) return this.#run(message);
    this.#queue ??= [];
    if (this.#queue.push(message) === QUEUE_LIMIT) this.#socket.pause();
  }

  /** The connection is ready: handles what has come meanwhile, and from now on each message as it comes. */
  open(): void {
    this.#busy = false;
    this.#drain();
  }

  /** Forgets what waits and ignores what still comes: the connection is closing. */
  clear(): void {
    this.#cleared = true;
    this.#queue = undefined;
    if (this.#socket.isPaused) this.#socket.resume();
  }

  #run(message: Incoming): void {
    const handled = this.#handle(message);
    if (handled === undefined) return;
    this.#busy = true;
    void handled.then(this.#next);
  }

  readonly #next = (): void => {
    this.#busy = false;
    this.#drain();
  };

  // A loop, not a recursion: a peer can put thousands of messages into one chunk.
  #drain(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    let at = 0;
    while (!this.#busy && at < queue.length) this.#run(queue[at++]!);
    if (at < queue.length) {
      queue.splice(0, at);
      return;
    }
    this.#queue = undefined;
    if (this.#socket.isPaused) this.#socket.resume();
  }
}
