import type { WebSocket } from 'ws';
import type { SocketPort } from '../connection/socket-port.js';

/** Milliseconds that an offender has to take its close frame and go. */
const LINGER_MS = 1000;

/** What `ws` 8 parses the frames of a socket with, as far as it has to be stopped. */
interface Receiver {
  _buffers: unknown[];
  _fragments: unknown[];
  /** Whether the message ends with the frame in hand. */
  _fin: boolean;
  _bufferedBytes: number;
  _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void;
}

/**
 * Nothing that comes from a client is looked at any more, and it is gone in a second. To be called when it has been
 * closed for what it did: `ws` would parse its flood for as long as the client leaves the close frame unanswered, which
 * is what costs most of it.
 */
export function silence(socket: WebSocket, transport: SocketPort): void {
  const receiver = (socket as { _receiver?: Partial<Receiver> })._receiver;
  // What is left of the chunk in hand and of its message goes as well: `ws` stops where it finds nothing.
  if (Array.isArray(receiver?._buffers) && typeof receiver._write === 'function') {
    receiver._buffers = [];
    receiver._bufferedBytes = 0;
    receiver._fragments = [];
    // What is being inflated would be taken for a message without the parts before it, or for one that is no UTF-8.
    receiver._fin = false;
    receiver._write = drop;
  }
  // What comes stays with its sender. A stream that is paused reads two more chunks, 128 KiB, before it stops; and one
  // that has stopped by itself, because it was full, starts the handle again when it is resumed.
  transport._handle?.readStop?.();
  transport._read = readNothing;
  const timer = setTimeout(() => socket.terminate(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

function drop(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
  done();
}

function readNothing(): void {}
