import type { SocketHandle } from '../ws/socket-handle.js';

/** Members of a TCP or TLS socket used here. Nothing else in lib writes to one. */
export interface SocketPort {
  /** Written bytes that the kernel has not accepted. */
  readonly writableLength: number;
  /** True for TLS. The kernel gets the bytes later, after encryption. */
  readonly encrypted?: boolean;
  /** Node's own handle of the socket, used only by `lib/ws/socket-handle.ts`. */
  readonly _handle?: SocketHandle | null;
  /** Bytes received since the socket was opened. */
  readonly bytesRead: number;
  write(data: Uint8Array, done?: () => void): boolean;
  /** Adds a listener for received data. */
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  /** Stops reading, apart from a few chunks that the stream buffers. */
  pause(): unknown;
  /** Ends the writing side. */
  end(): unknown;
  cork(): void;
  uncork(): void;
}

/** Members of a `ws` WebSocket used here. */
export interface WebSocketPort {
  readonly readyState: number;
  /** True while the socket is not read. */
  readonly isPaused?: boolean;
  /** Written bytes that the kernel has not accepted, with those still in the queue of `ws`. */
  readonly bufferedAmount?: number;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** Value of `WebSocket.OPEN`. */
export const OPEN = 1;

/**
 * Tells whether `ws` will write a message of the application later, because it compresses in a thread or reads a Blob.
 */
export function writesLater({ bufferedAmount = 0 }: WebSocketPort, { writableLength }: SocketPort): boolean {
  return bufferedAmount > writableLength;
}
