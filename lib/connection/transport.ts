import type { WebSocket } from 'ws';
import type { Outgoing } from '../protocol/protocol.js';
import type { SocketHandle } from '../ws/socket-handle.js';

/** Value of `readyState` while a transport may be written to. */
export const OPEN = 1;

/**
 * Carrier of one connection. Its members have the names of a `ws` WebSocket. So a WebSocket is a transport by itself, and a
 * connection needs no object in between. Another way to a client (SSE, long polling) is a class with these members.
 */
export interface Transport {
  /** {@link OPEN} while data may be written. Nothing may follow once it is another number. */
  readonly readyState: number;
  /**
   * True while nothing is read. No answer to a ping can come then, so the heartbeat waits for none, and the data under way is not
   * limited. Always true for a transport that only writes.
   */
  readonly isPaused?: boolean;
  /** Written bytes that the kernel has not accepted, with those that the transport still holds itself. */
  readonly bufferedAmount?: number;
  /** Ends the connection in good order, after everything that was written. */
  close(code: number, reason: string): void;
  /** Ends the connection at once. May be called again. */
  terminate(): void;
  /** Stops reading until {@link resume}. Does nothing where nothing is read. */
  pause(): void;
  resume(): void;
}

/** Write side of a transport. A TCP or TLS socket of Node is one. Nothing else in lib writes to it. */
export interface WriteSide {
  /** Written bytes that the kernel has not accepted. */
  readonly writableLength: number;
  /** True for TLS. The kernel gets the bytes later, after encryption. */
  readonly encrypted?: boolean;
  /** Node's own handle of the socket, used only by `lib/ws/socket-handle.ts`. */
  readonly _handle?: SocketHandle | null;
  /** Bytes received since the start. More of them are a sign of life. */
  readonly bytesRead: number;
  /** @param done called when the kernel has accepted the data, or when the connection has ended */
  write(data: Uint8Array, done?: () => void): boolean;
  /** Ends the writing side. */
  end(): unknown;
  /** Gathers the writes that follow, so that they leave in one system call at {@link uncork}. */
  cork(): void;
  uncork(): void;
}

/** Common part of all transports of one kind. One object serves all connections of the kind. */
export interface TransportKind {
  /** Bytes of a message that is no publication, in memory of their own. */
  message(content: Outgoing): Buffer;
  /** Bytes of a sign of life. A client that can answer answers with the token. */
  ping(token: number): Buffer;
  /** Returns the transport as a `ws` socket; undefined for other kinds. */
  webSocketOf(transport: Transport): WebSocket | undefined;
}

/**
 * Tells whether the transport will write a message of the application later: `ws` compresses in a thread, and reads a Blob.
 */
export function writesLater({ bufferedAmount = 0 }: Transport, { writableLength }: WriteSide): boolean {
  return bufferedAmount > writableLength;
}
