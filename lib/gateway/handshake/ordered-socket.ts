import { WebSocket } from 'ws';
import { connectionOf } from '../session/client-session.js';
import { noteEvent } from '../nest/event-slips.js';

/** Class of `ws` sockets. An application may have a class of its own, derived from that of `ws`. */
export type SocketClass = typeof WebSocket;

/** Ordered class for each class of sockets. */
const ordered = new WeakMap<SocketClass, SocketClass>();

/**
 * Derives a class of sockets that keeps replies and the socket's own frames in order. Replies of a turn are collected
 * and written together at the end of the turn. A direct call of the application on the socket would overtake these
 * replies, so the replies are written first. The connection is told when the socket is paused or resumed.
 */
export function orderedSocket(base: SocketClass = WebSocket): SocketClass {
  let socketClass = ordered.get(base);
  if (socketClass === undefined) {
    socketClass = derived(base);
    ordered.set(base, socketClass);
    ordered.set(socketClass, socketClass);
  }
  return socketClass;
}

// oxlint-disable-next-line max-lines-per-function -- makes a class: each of its methods is a function of its own
function derived(base: SocketClass): SocketClass {
  return class OrderedSocket extends base {
    override send(...args: unknown[]): void {
      connectionOf(this)?.writeAll();
      super.send(...(args as Parameters<WebSocket['send']>));
    }

    override on(...args: unknown[]): this {
      noteEvent('client.on', args[0]);
      return super.on(...(args as Parameters<WebSocket['on']>)) as this;
    }

    override emit(...args: unknown[]): boolean {
      const heard = super.emit(...(args as Parameters<WebSocket['emit']>));
      if (!heard) noteEvent('client.emit', args[0]);
      return heard;
    }

    override pause(): void {
      super.pause();
      connectionOf(this)?.readingChanged();
    }

    override resume(): void {
      super.resume();
      connectionOf(this)?.readingChanged();
    }

    override ping(...args: Parameters<WebSocket['ping']>): void {
      connectionOf(this)?.writeAll();
      super.ping(...args);
    }

    override pong(...args: Parameters<WebSocket['pong']>): void {
      connectionOf(this)?.writeAll();
      super.pong(...args);
    }

    override close(...args: Parameters<WebSocket['close']>): void {
      connectionOf(this)?.writeAll();
      super.close(...args);
    }

    override terminate(): void {
      const connection = connectionOf(this);
      // Collected replies are dropped for a connection that the server terminates.
      if (connection?.closedWith === undefined) connection?.writeAll();
      super.terminate();
    }
  };
}
