import type { SocketConnection } from '../../connection/socket-connection.js';

/** The connection over a socket, kept on it so that one listener serves all. */
const CONNECTION = Symbol('nestjs-fanout:connection');

type Listener = (this: ReadSocket, chunk: Uint8Array) => void;

/** A TCP or TLS socket, as far as its listeners go. */
interface ReadSocket {
  [CONNECTION]?: SocketConnection;
  rawListeners(event: 'data'): Listener[];
  removeListener(event: 'data', listener: Listener): unknown;
  on(event: 'data', listener: Listener): unknown;
}

/** What takes the place of a listener of `ws`; there are more of those when there are more copies of `ws`. */
const wrappers = new WeakMap<Listener, Listener>();

/**
 * Dates the parts of messages to when they come; `ws` tells of whole ones only.
 *
 * Its listener for what is read gets a wrapper, because another listener would be 65 bytes of each connection. It can still
 * remove it: like those of `once()`, the wrapper names it. Where the listeners of a socket are others, parts are found by the
 * next look of the heartbeat.
 */
export function dateParts(connection: SocketConnection): void {
  const socket = connection.transport as Partial<ReadSocket>;
  const listeners = socket.rawListeners?.('data');
  if (listeners?.length !== 1) return;
  const [parse] = listeners as [Listener];
  socket[CONNECTION] = connection;
  socket.removeListener!('data', parse);
  socket.on!('data', wrapperOf(parse));
}

function wrapperOf(parse: Listener): Listener {
  let wrapper = wrappers.get(parse);
  if (wrapper !== undefined) return wrapper;
  wrapper = Object.assign(
    function (this: ReadSocket, chunk: Uint8Array) {
      parse.call(this, chunk);
      this[CONNECTION]!.noteParts();
    },
    { listener: parse },
  );
  wrappers.set(parse, wrapper);
  return wrapper;
}
