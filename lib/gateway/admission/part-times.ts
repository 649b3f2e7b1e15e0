import type { SocketConnection } from '../../connection/socket-connection.js';

/** Key of the connection, stored on its socket so that one listener serves all sockets. */
const CONNECTION = Symbol('nestjs-fanout:connection');

type Listener = (this: ReadSocket, chunk: Uint8Array) => void;

/** Socket with the methods used here. */
interface ReadSocket {
  [CONNECTION]?: SocketConnection;
  rawListeners(event: 'data'): Listener[];
  removeListener(event: 'data', listener: Listener): unknown;
  on(event: 'data', listener: Listener): unknown;
}

/** Wrappers by listener of `ws`. Several copies of `ws` have several listeners. */
const wrappers = new WeakMap<Listener, Listener>();

/**
 * Notes when each part of a message arrives; `ws` reports whole messages only.
 *
 * Wraps the `data` listener of `ws`, because a second listener would cost 65 bytes per connection. `ws` can still
 * remove its listener: like a wrapper of `once()`, ours names the original. If a socket has other listeners, the next
 * check of the heartbeat finds the parts.
 */
export function dateParts(connection: SocketConnection): void {
  const socket = connection.output as Partial<ReadSocket>;
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
