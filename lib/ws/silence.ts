import type { WebSocket } from 'ws';
import type { Clock } from '../time/clock.js';
import { type SocketHandle, stopReading } from './socket-handle.js';

/** Milliseconds for an offender to read its close frame and disconnect. */
const LINGER_MS = 1000;

/** Bytes of an offender that are read and dropped, one read of Node, so that the end behind them is seen. */
const DISCARDED_BYTES = 65_536;

/** Members of a socket that stop its reading. */
interface ReadPort {
  readonly _handle?: SocketHandle | null;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  pause(): unknown;
}

/** Parser of the frames of a `ws` socket, with the private fields for data that is read and not parsed. */
interface Receiver {
  _buffers: unknown[];
  _fragments: unknown[];
  /** True if the current frame ends the message. */
  _fin: boolean;
  _bufferedBytes: number;
  _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void;
}

/**
 * Stops the parsing of a client's messages, and ends the client within a second. Used for a client that was closed for
 * an offence. `ws` would parse its flood until the client answers the close frame, and parsing is the most expensive
 * part of a flood.
 */
export function silence(
  socket: WebSocket,
  transport: ReadPort,
  clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>,
): void {
  deafen(socket, transport);
  const timer = clock.setTimeout(() => socket.terminate(), LINGER_MS);
  timer.unref();
  socket.once('close', () => clock.clearTimeout(timer));
}

/** Stops the parsing of a client's messages. The caller ends the client. */
export function deafen(socket: WebSocket, transport: ReadPort): void {
  stopParsing(socket);
  let left = DISCARDED_BYTES;
  transport.on('data', ({ length }) => {
    left -= length;
    if (left <= 0) stopReading(transport);
  });
  // The socket may be paused. With unparsed bytes, `ws` resumes it by itself.
  socket.resume();
}

/** Drops the rest of the current chunk and message: `ws` stops when it finds nothing to parse. */
function stopParsing(socket: WebSocket): void {
  const receiver = (socket as { _receiver?: Partial<Receiver> })._receiver;
  if (!Array.isArray(receiver?._buffers) || typeof receiver._write !== 'function') return;
  receiver._buffers = [];
  receiver._bufferedBytes = 0;
  receiver._fragments = [];
  // A part that is being inflated would count as a whole message, or as one with invalid UTF-8.
  receiver._fin = false;
  receiver._write = drop;
}

function drop(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
  done();
}
