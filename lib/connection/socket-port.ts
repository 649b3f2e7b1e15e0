import type { SocketHandle } from '../ws/socket-handle.js';

/** What this library uses of a TCP or TLS socket. Nothing else in lib writes to one. */
export interface SocketPort {
  /** Bytes that were written and that the kernel has not taken. */
  readonly writableLength: number;
  /** True for TLS, where the kernel gets the bytes later, when they are encrypted. */
  readonly encrypted?: boolean;
  /** Node's own handle of the socket, read only by `lib/ws/socket-handle.ts`. */
  readonly _handle?: SocketHandle | null;
  /** Bytes received since the socket was opened. */
  readonly bytesRead: number;
  write(data: Uint8Array, done?: () => void): boolean;
  /** What is read of it goes to this function too. */
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  /** Nothing more is read than what the stream keeps ahead. */
  pause(): unknown;
  /** Nothing more is written. */
  end(): unknown;
  cork(): void;
  uncork(): void;
}

/** What this library uses of a `ws` WebSocket. */
export interface WebSocketPort {
  readonly readyState: number;
  /** Whether nothing is read of it. */
  readonly isPaused?: boolean;
  /** Bytes that were written and that the kernel has not taken, those that `ws` has not written yet included. */
  readonly bufferedAmount?: number;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** `WebSocket.OPEN` */
export const OPEN = 1;

/** Whether `ws` will write a message of the application later: it compresses in a thread, and reads a Blob. */
export function writesLater({ bufferedAmount = 0 }: WebSocketPort, { writableLength }: SocketPort): boolean {
  return bufferedAmount > writableLength;
}
