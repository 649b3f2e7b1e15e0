import type { RawData, WebSocket } from 'ws';
import { inNoContext } from '../../connection/own-context.js';
import type { RejectionCause } from '../../observe/rejections.js';
import type { UnreadyBytes } from '../../limits/unready-bytes.js';

/** A message as it arrived: text as a string, binary as `ws` gives it. */
export type Incoming = string | RawData;

/** Messages that may wait before the socket is paused. `ws` may still emit what is left of the chunk it has in hand. */
const QUEUE_LIMIT = 16;

/** More than `ws` can have in hand when the socket is paused, if it came uncompressed. */
const IN_HAND_BYTES = 256 * 1024;

/** Whose messages they are. An object, so that no connection needs a function of its own. */
export interface InboundSession {
  readonly socket: Pick<WebSocket, 'isPaused' | 'pause' | 'resume'>;
  /** Bytes of one message. */
  readonly maxPayload: number;
  /** Bytes that wait for their connections to be ready, of all of them. */
  readonly unready: UnreadyBytes;
  /** Whether so many answers are unread that the next message has to wait. */
  readonly full: boolean;
  /** Calls {@link Inbound.goOn} when it is full no more, or has ended. */
  awaitRoom(): void;
  /** Takes a message; the next one comes when it returns, or what it returns resolves. Must not throw or reject. */
  handle(message: Incoming): void | Promise<void>;
}

/** Messages that came while others were being handled. Most connections never have any. */
interface Waiting {
  readonly messages: Incoming[];
  bytes: number;
  /** Those of `bytes` that the ledger of connections that are not ready has. */
  unready: number;
  /** Whether they wait for the client to read. */
  forRoom: boolean;
}

/**
 * The messages of one connection, handled in order and so many at a time, none before the connection is ready, and none
 * while the client leaves too many answers unread. Waiting messages are bounded by pausing the socket: what does not fit stays in the peer's kernel. Only compressed
 * messages can be more than that, because a chunk of them inflates to a thousand times its size; those are refused.
 */
export class Inbound {
  readonly #owner: InboundSession;
  #waiting: Waiting | undefined;
  /** Messages that may be handled beside those that are. */
  #free = 0;
  #opened = false;
  #cleared = false;

  constructor(owner: InboundSession) {
    this.#owner = owner;
  }

  /** Why there is no room for the message, which is then not handled; undefined when there is. */
  receive(message: Incoming): RejectionCause | undefined {
    if (this.#cleared) return undefined;
    if (this.#free > 0 && this.#waiting === undefined && !this.#owner.full) {
      this.#run(message);
      return undefined;
    }
    const { unready, maxPayload, socket } = this.#owner;
    const bytes = sizeOf(message);
    const waiting = (this.#waiting ??= { messages: [], bytes: 0, unready: 0, forRoom: false });
    if (waiting.bytes + bytes > (QUEUE_LIMIT + 1) * maxPayload + IN_HAND_BYTES) return 'waiting-bytes';
    if (!this.#opened) {
      if (!unready.fits(waiting.unready, bytes)) return 'unready-bytes';
      unready.add(waiting.unready, bytes);
      waiting.unready += bytes;
    }
    waiting.bytes += bytes;
    if (waiting.messages.push(message) === QUEUE_LIMIT) socket.pause();
    if (this.#free > 0) this.#awaitRoom(waiting);
    return undefined;
  }

  /** The client has read: handles what waits for that. */
  goOn(): void {
    if (this.#waiting !== undefined) this.#waiting.forRoom = false;
    this.#drain();
  }

  /** Ready: handles what has come meanwhile, and from now on `inFlight` messages at the same time. */
  open(inFlight: number): void {
    this.#opened = true;
    this.#free = inFlight;
    this.#settle();
    this.#drain();
  }

  /**
   * Its client has gone, and made room for another one: what it left behind counts with what waits for connections to be
   * ready, or is forgotten where that is too much. Else who comes back again and again would have as much as it likes.
   */
  leave(): void {
    const waiting = this.#waiting;
    // What waits for its own connection counts already.
    if (waiting === undefined || waiting.unready > 0) return;
    const { unready } = this.#owner;
    if (!unready.fitsBehind(waiting.bytes)) return this.clear();
    unready.add(0, waiting.bytes);
    waiting.unready = waiting.bytes;
  }

  /** Forgets what waits and ignores what still comes: the connection is closing. */
  clear(): void {
    this.#cleared = true;
    this.#settle();
    this.#resume();
  }

  /** What waits is none of those any more that wait for their connection to be ready. */
  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.unready === 0) return;
    this.#owner.unready.give(waiting.unready);
    waiting.unready = 0;
  }

  #run(message: Incoming): void {
    const handled = this.#owner.handle(message);
    if (handled === undefined) return;
    this.#free--;
    // Made when it is needed: one bound for the life of the connection would be 100 bytes of an idle one.
    void handled.then(() => {
      this.#free++;
      this.#drain();
    });
  }

  /** Handles waiting messages, outside of the context of the present caller. */
  #drain(): void {
    if (this.#waiting !== undefined) inNoContext(() => this.#drainWaiting());
  }

  // A loop, not a recursion: a peer can put thousands of messages into one chunk.
  #drainWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const { messages } = waiting;
    let at = 0;
    // A handler that closes the connection clears what waits behind its message.
    while (this.#free > 0 && !this.#cleared && at < messages.length && !this.#owner.full) {
      const message = messages[at++]!;
      waiting.bytes -= sizeOf(message);
      this.#run(message);
    }
    if (at === messages.length) return this.#resume();
    messages.splice(0, at);
    if (this.#free > 0 && !this.#cleared) this.#awaitRoom(waiting);
  }

  #awaitRoom(waiting: Waiting): void {
    if (waiting.forRoom) return;
    waiting.forRoom = true;
    this.#owner.awaitRoom();
  }

  /** Nothing waits any more. */
  #resume(): void {
    this.#settle();
    this.#waiting = undefined;
    const { socket } = this.#owner;
    if (socket.isPaused) socket.resume();
  }
}

/** Bytes of a message; of a text that was read as many as it came in, or fewer: a character is at least one. */
export function sizeOf(message: Incoming): number {
  if (typeof message === 'string') return message.length;
  if (Array.isArray(message)) return message.reduce((sum, { length }) => sum + length, 0);
  // What a gateway that sets `binaryType` to 'blob' gets.
  return message instanceof Blob ? message.size : message.byteLength;
}
