import type { WebSocket } from 'ws';
import type { SocketPort } from '../connection/socket-port.js';

/** Milliseconds that an offender has to take its close frame and go. */
const LINGER_MS = 1000;

/** Bytes of an offender that are read and thrown away, so that its own end is found behind them: one read of Node. */
const DISCARDED_BYTES = 65_536;

/** As much of a socket as it takes to stop reading it. */
type ReadPort = Pick<SocketPort, '_handle' | 'on' | 'pause'>;

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
 * Nothing that comes from a client is looked at any more, and it is gone in a second, or when it ends. To be called when
 * it has been closed for what it did: `ws` would parse its flood for as long as the client leaves the close frame
 * unanswered, which is what costs most of it.
 */
export function silence(socket: WebSocket, transport: SocketPort): void {
  deafen(socket, transport);
  const timer = setTimeout(() => socket.terminate(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** {@link silence} without the second: somebody else sees to it that the client goes. */
export function deafen(socket: WebSocket, transport: ReadPort): void {
  stopParsing(socket);
  let left = DISCARDED_BYTES;
  // What comes then stays with its sender. A pause would read two chunks more, 128 KiB, before it stops; it has to do where
  // the stream is none of Node's sockets.
  transport.on('data', ({ length }) => {
    left -= length;
    if (left > 0) return;
    if (transport._handle?.readStop === undefined) transport.pause();
    else transport._handle.readStop();
  });
  // It may be paused. Where `ws` has more than it can parse yet, it goes on by itself when that is done.
  socket.resume();
}

/** What is left of the chunk in hand and of its message goes as well: `ws` stops where it finds nothing. */
function stopParsing(socket: WebSocket): void {
  const receiver = (socket as { _receiver?: Partial<Receiver> })._receiver;
  if (!Array.isArray(receiver?._buffers) || typeof receiver._write !== 'function') return;
  receiver._buffers = [];
  receiver._bufferedBytes = 0;
  receiver._fragments = [];
  // What is being inflated would be taken for a message without the parts before it, or for one that is no UTF-8.
  receiver._fin = false;
  receiver._write = drop;
}

function drop(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
  done();
}
