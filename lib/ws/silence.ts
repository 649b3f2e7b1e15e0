import type { WebSocket } from 'ws';
import { type SocketHandle, stopReading } from './socket-handle.js';

/** Milliseconds in which an offender may take its close frame and leave. */
const LINGER_MS = 1000;

/** Bytes of an offender that are read and dropped, so that its own end behind them is seen: one read of Node. */
const DISCARDED_BYTES = 65_536;

/** Members of a socket that end its reading. */
interface ReadPort {
  readonly _handle?: SocketHandle | null;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  pause(): unknown;
}

/** Parser of the frames of a `ws` socket: the private fields that hold what it has read and not parsed. */
interface Receiver {
  _buffers: unknown[];
  _fragments: unknown[];
  /** Whether the message ends with the frame in hand. */
  _fin: boolean;
  _bufferedBytes: number;
  _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void;
}

/**
 * Stops the parsing of what a client sends, and ends the client in a second at the latest. For a client that was closed for an
 * offence: `ws` would parse its flood until the client answers the close frame, which is the most expensive part of a flood.
 */
export function silence(socket: WebSocket, transport: ReadPort): void {
  deafen(socket, transport);
  const timer = setTimeout(() => socket.terminate(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** Stops the parsing of what a client sends. The caller ends the client. */
export function deafen(socket: WebSocket, transport: ReadPort): void {
  stopParsing(socket);
  let left = DISCARDED_BYTES;
  transport.on('data', ({ length }) => {
    left -= length;
    if (left <= 0) stopReading(transport);
  });
  // The socket may be paused. Where `ws` has unparsed bytes, it goes on by itself.
  socket.resume();
}

/** Drops the rest of the chunk and of the message that `ws` is parsing: `ws` stops where it finds nothing. */
function stopParsing(socket: WebSocket): void {
  const receiver = (socket as { _receiver?: Partial<Receiver> })._receiver;
  if (!Array.isArray(receiver?._buffers) || typeof receiver._write !== 'function') return;
  receiver._buffers = [];
  receiver._bufferedBytes = 0;
  receiver._fragments = [];
  // A part that is being inflated would count as a whole message, or as one that is no UTF-8.
  receiver._fin = false;
  receiver._write = drop;
}

function drop(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
  done();
}
