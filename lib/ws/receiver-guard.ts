import type { WebSocket } from 'ws';

/** What `ws` 8 parses the frames of a socket with. It is a stream, and this is what is called for each chunk. */
interface Receiver {
  /** It has found an error, and the connection is being closed. */
  readonly _errored: boolean;
  _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void;
}

/**
 * Keeps `ws` from parsing on after an error. While it inflates a message, or defers an event, chunks wait in its stream.
 * When one of them is a bad frame, `ws` 8.23 is given the next one all the same, in the state that the bad one has left,
 * and throws where nobody can catch it: three frames would end the process.
 */
export function stopAtError(socket: WebSocket): void {
  const receiver = (socket as { _receiver?: Receiver })._receiver;
  if (typeof receiver?._write === 'function') receiver._write = writeUnlessErrored;
}

/** One function for all: `this` is the receiver, and the method that it covers is on its prototype. */
function writeUnlessErrored(
  this: Receiver,
  ...[chunk, encoding, done]: Parameters<Receiver['_write']>
): void {
  if (this._errored) return done();
  (Object.getPrototypeOf(this) as Receiver)._write.call(this, chunk, encoding, done);
}
