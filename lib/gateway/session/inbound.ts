import type { WebSocket } from 'ws';
import { inNoContext } from '../../connection/own-context.js';
import type { RejectionCause } from '../../observe/rejections.js';
import type { UnreadyBytes } from '../../limits/unready-bytes.js';
import type { Incoming } from '../../protocol/protocol.js';

/** Most messages that may wait before the socket is paused. `ws` may still emit the rest of its current chunk. */
const QUEUE_LIMIT = 16;

/** More bytes than `ws` can still emit after the socket is paused, if they came uncompressed. */
const IN_HAND_BYTES = 256 * 1024;

/** Owner of the messages. An object, so that a connection needs no functions of its own. */
export interface InboundSession {
  readonly socket: Pick<WebSocket, 'isPaused' | 'pause' | 'resume'>;
  /** Largest message in bytes. */
  readonly maxPayload: number;
  /** Process-wide ledger of bytes that wait for their connections to be ready. */
  readonly unready: UnreadyBytes;
  /** True while too many answers are unread, so that the next message must wait. */
  readonly full: boolean;
  /** Calls {@link Inbound.goOn} when `full` has become false, or the connection has ended. */
  awaitRoom(): void;
  /**
   * Handles a message. The next message follows when this call returns or its promise resolves. Must not throw or
   * reject.
   */
  handle(message: Incoming): void | Promise<void>;
}

/** Messages that arrived while others were being handled. Most connections never have any. */
interface Waiting {
  readonly messages: Incoming[];
  bytes: number;
  /** The part of `bytes` counted in the process-wide not-ready ledger. */
  unready: number;
  /** True while the messages wait for the client to read. */
  forRoom: boolean;
}

/**
 * Messages of one connection, handled in order, a limited number at a time. None is handled before the connection is
 * ready, or while too many answers are unread. The socket is paused to limit waiting messages, so the rest stays in the
 * client's kernel. Compressed messages can still exceed the limit, because a chunk may inflate to a thousand times its
 * size. Such messages are refused.
 */
export class Inbound {
  readonly #owner: InboundSession;
  #waiting: Waiting | undefined;
  /** Number of further messages that may be handled now. */
  #free = 0;
  #opened = false;
  #cleared = false;

  constructor(owner: InboundSession) {
    this.#owner = owner;
  }

  /** Handles or queues a message. Returns the limit that the message exceeds; undefined if there is room. */
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

  /** Continues after the client has read its answers. */
  goOn(): void {
    if (this.#waiting !== undefined) this.#waiting.forRoom = false;
    this.#drain();
  }

  /** Makes the connection ready: handles the waiting messages, and from now on `inFlight` messages at a time. */
  open(inFlight: number): void {
    this.#opened = true;
    this.#free = inFlight;
    this.#settle();
    this.#drain();
  }

  /**
   * Counts the messages of a disconnected client in the not-ready ledger, or drops them if the ledger is full. Else a
   * client that reconnects again and again could queue without a limit.
   */
  leave(): void {
    const waiting = this.#waiting;
    // Messages of a connection that is not ready are in the ledger already.
    if (waiting === undefined || waiting.unready > 0) return;
    const { unready } = this.#owner;
    if (!unready.fitsBehind(waiting.bytes)) return this.clear();
    unready.add(0, waiting.bytes);
    waiting.unready = waiting.bytes;
  }

  /** Drops waiting messages and ignores later ones, because the connection is closing. */
  clear(): void {
    this.#cleared = true;
    this.#settle();
    this.#resume();
  }

  /** Gives this connection's bytes back to the not-ready ledger. */
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
    // Created on demand: a function bound for the life of the connection would cost 100 bytes of an idle one.
    void handled.then(() => {
      this.#free++;
      this.#drain();
    });
  }

  /** Handles waiting messages outside of the caller's async context. */
  #drain(): void {
    if (this.#waiting !== undefined) inNoContext(() => this.#drainWaiting());
  }

  // A loop, not a recursion: a client can put thousands of messages into one chunk.
  #drainWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const { messages } = waiting;
    let at = 0;
    // A handler that closes the connection clears the messages behind its own.
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

  /** Resumes the socket after the last waiting message. */
  #resume(): void {
    this.#settle();
    this.#waiting = undefined;
    const { socket } = this.#owner;
    if (socket.isPaused) socket.resume();
  }
}

/** Returns the bytes of a message. For a text this is a lower bound: a character has at least one byte. */
export function sizeOf(message: Incoming): number {
  if (typeof message === 'string') return message.length;
  if (Array.isArray(message)) return message.reduce((sum, { length }) => sum + length, 0);
  // Type of messages for a gateway that sets `binaryType` to 'blob'.
  return message instanceof Blob ? message.size : message.byteLength;
}
