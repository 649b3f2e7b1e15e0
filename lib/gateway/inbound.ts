import type { RawData, WebSocket } from 'ws';

/** A message as it arrived: text as a string, binary as `ws` gives it. */
export type Incoming = string | RawData;

/** Messages that may wait before the socket is paused. `ws` may still emit what is left of the chunk it has in hand. */
const QUEUE_LIMIT = 16;

/** More than `ws` can have in hand when the socket is paused, if it came uncompressed. */
const IN_HAND_BYTES = 256 * 1024;

/**
 * The messages of one connection, handled in order and one at a time, and none before the connection is ready.
 * Waiting messages are bounded by pausing the socket: what does not fit stays in the peer's kernel. Only compressed
 * messages can be more than that, because a chunk of them inflates to a thousand times its size; those are refused.
 */
export class Inbound<Owner> {
  readonly #socket: WebSocket;
  readonly #owner: Owner;
  readonly #handle: (owner: Owner, message: Incoming) => void | Promise<void>;
  readonly #maxWaitingBytes: number;
  #queue: Incoming[] | undefined;
  #waitingBytes = 0;
  #busy = true;
  #cleared = false;

  /**
   * @param owner whom the messages are from. Handed to `handle`, so that one function serves all connections
   * @param handle must not throw or reject
   * @param maxPayload bytes of one message
   */
  constructor(
    socket: WebSocket,
    owner: Owner,
    handle: (owner: Owner, message: Incoming) => void | Promise<void>,
    maxPayload: number,
  ) {
    this.#socket = socket;
    this.#owner = owner;
    this.#handle = handle;
    this.#maxWaitingBytes = (QUEUE_LIMIT + 1) * maxPayload + IN_HAND_BYTES;
  }

  /** False when there is no room for the message: it is not handled. */
  receive(message: Incoming): boolean {
    if (this.#cleared) return true;
    if (!this.#busy) {
      this.#run(message);
      return true;
    }
    const bytes = sizeOf(message);
    if (this.#waitingBytes + bytes > this.#maxWaitingBytes) return false;
    this.#waitingBytes += bytes;
    this.#queue ??= [];
    if (this.#queue.push(message) === QUEUE_LIMIT) this.#socket.pause();
    return true;
  }

  /** Ready for the next message: handles what has come meanwhile, and from now on each message as it comes. */
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
    const handled = this.#handle(this.#owner, message);
    if (handled === undefined) return;
    this.#busy = true;
    // Made when it is needed: one bound for the life of the connection would be 100 bytes of an idle one.
    void handled.then(() => this.open());
  }

  // A loop, not a recursion: a peer can put thousands of messages into one chunk.
  #drain(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    let at = 0;
    // A handler that closes the connection clears what waits behind its message.
    while (!this.#busy && !this.#cleared && at < queue.length) {
      const message = queue[at++]!;
      this.#waitingBytes -= sizeOf(message);
      this.#run(message);
    }
    if (at < queue.length) {
      queue.splice(0, at);
      return;
    }
    this.#queue = undefined;
    if (this.#socket.isPaused) this.#socket.resume();
  }
}

/** As many bytes as it came in, or fewer: a character is at least one. */
function sizeOf(message: Incoming): number {
  if (Array.isArray(message)) return message.reduce((sum, { length }) => sum + length, 0);
  return typeof message === 'string' ? message.length : message.byteLength;
}
