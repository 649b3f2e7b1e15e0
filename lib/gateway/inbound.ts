import type { RawData, WebSocket } from 'ws';

/** A message as it arrived: text as a string, binary as `ws` gives it. */
export type Incoming = string | RawData;

/** Messages that may wait before the socket is paused. `ws` may still emit what is left of the chunk it has in hand. */
const QUEUE_LIMIT = 16;

/** More than `ws` can have in hand when the socket is paused, if it came uncompressed. */
const IN_HAND_BYTES = 256 * 1024;

/** Whose messages they are. An object, so that no connection needs a function of its own. */
export interface InboundOwner {
  readonly socket: Pick<WebSocket, 'isPaused' | 'pause' | 'resume'>;
  /** Bytes of one message. */
  readonly maxPayload: number;
  /** Takes a message; the next one comes when it returns, or what it returns resolves. Must not throw or reject. */
  handle(message: Incoming): void | Promise<void>;
}

/** Messages that came while another one was being handled. Most connections never have any. */
interface Waiting {
  readonly messages: Incoming[];
  bytes: number;
}

/**
 * The messages of one connection, handled in order and one at a time, and none before the connection is ready.
 * Waiting messages are bounded by pausing the socket: what does not fit stays in the peer's kernel. Only compressed
 * messages can be more than that, because a chunk of them inflates to a thousand times its size; those are refused.
 */
export class Inbound {
  readonly #owner: InboundOwner;
  #waiting: Waiting | undefined;
  #busy = true;
  #cleared = false;

  constructor(owner: InboundOwner) {
    this.#owner = owner;
  }

  /** False when there is no room for the message: it is not handled. */
  receive(message: Incoming): boolean {
    if (this.#cleared) return true;
    if (!this.#busy) {
      this.#run(message);
      return true;
    }
    const waiting = (this.#waiting ??= { messages: [], bytes: 0 });
    const bytes = waiting.bytes + sizeOf(message);
    if (bytes > (QUEUE_LIMIT + 1) * this.#owner.maxPayload + IN_HAND_BYTES) return false;
    waiting.bytes = bytes;
    if (waiting.messages.push(message) === QUEUE_LIMIT) this.#owner.socket.pause();
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
    this.#resume();
  }

  #run(message: Incoming): void {
    const handled = this.#owner.handle(message);
    if (handled === undefined) return;
    this.#busy = true;
    // Made when it is needed: one bound for the life of the connection would be 100 bytes of an idle one.
    void handled.then(() => this.open());
  }

  // A loop, not a recursion: a peer can put thousands of messages into one chunk.
  #drain(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const { messages } = waiting;
    let at = 0;
    // A handler that closes the connection clears what waits behind its message.
    while (!this.#busy && !this.#cleared && at < messages.length) {
      const message = messages[at++]!;
      waiting.bytes -= sizeOf(message);
      this.#run(message);
    }
    if (at < messages.length) messages.splice(0, at);
    else this.#resume();
  }

  /** Nothing waits any more. */
  #resume(): void {
    this.#waiting = undefined;
    const { socket } = this.#owner;
    if (socket.isPaused) socket.resume();
  }
}

/** As many bytes as it came in, or fewer: a character is at least one. */
function sizeOf(message: Incoming): number {
  if (Array.isArray(message)) return message.reduce((sum, { length }) => sum + length, 0);
  return typeof message === 'string' ? message.length : message.byteLength;
}
