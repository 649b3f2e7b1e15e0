import type { WebSocket } from 'ws';

/** Parser of the frames of a `ws` socket. The parser is a stream, and `_write` is called for each chunk. */
interface Receiver {
  /** True if the parser has found an error, so that the connection is being closed. */
  readonly _errored: boolean;
  _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void;
}

/**
 * Stops `ws` from parsing after an error. While `ws` inflates a message, or defers an event, chunks wait in its stream.
 * When one of the chunks is a bad frame, `ws` 8.23 still parses the next one, in the state after the bad frame. The
 * resulting error cannot be caught, so three frames would end the process.
 */
export function stopAtError(socket: WebSocket): void {
  const receiver = (socket as { _receiver?: Receiver })._receiver;
  if (typeof receiver?._write === 'function') receiver._write = writeUnlessErrored;
}

/**
 * Replacement for `_write`, shared by all sockets: `this` is the receiver, and the original method is on its prototype.
 */
function writeUnlessErrored(
  this: Receiver,
  ...[chunk, encoding, done]: Parameters<Receiver['_write']>
): void {
  if (this._errored) return done();
  (Object.getPrototypeOf(this) as Receiver)._write.call(this, chunk, encoding, done);
}
