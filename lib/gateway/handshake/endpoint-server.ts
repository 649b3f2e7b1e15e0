import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { noteEvent } from '../nest/event-slips.js';
import { orderedSocket } from './ordered-socket.js';
import { stopAtError } from '../../ws/receiver-guard.js';
import { changeOptions, stopTracking } from '../../ws/server-options.js';

/**
 * `ws` server that keeps `clients` without a listener of its own on each socket. The listener of `ws` costs 170 bytes a
 * connection, and time to create. Every connection has a `close` listener anyway, which calls {@link forget}.
 */
export class EndpointServer extends WebSocketServer {
  /** True after `close()` while clients remain. The server closes with the last of them. */
  #ending = false;
  #ended = false;

  constructor(options: ServerOptions) {
    super({ ...options, WebSocket: orderedSocket(options.WebSocket) });
  }

  override on(...args: unknown[]): this {
    noteEvent('server.on', args[0]);
    return super.on(...(args as Parameters<WebSocketServer['on']>)) as this;
  }

  override emit(...args: unknown[]): boolean {
    const heard = super.emit(...(args as Parameters<WebSocketServer['emit']>));
    if (!heard) noteEvent('server.emit', args[0]);
    return heard;
  }

  /** Changes options of the server, before it has clients. */
  configure(options: Readonly<Record<string, unknown>>): void {
    changeOptions(this, options);
    this.options.WebSocket = orderedSocket(this.options.WebSocket);
  }

  /** Takes over a client from `ws`, before it has other listeners. */
  adopt(client: WebSocket): void {
    stopTracking(this, client);
    // Other clients have every chunk parsed on arrival, so no chunk waits behind a bad one.
    if (client.extensions !== '' || this.options.allowSynchronousEvents === false) stopAtError(client);
  }

  /** Removes a client that has closed. */
  forget(client: WebSocket): void {
    if (this.clients?.delete(client) !== true || !this.#ending || this.clients.size > 0) return;
    this.#ended = true;
    process.nextTick(() => this.emit('close'));
  }

  override close(callback?: (error?: Error) => void): void {
    if (this.#ended) {
      if (callback !== undefined) process.nextTick(callback, new Error('The server is not running'));
      return;
    }
    if (this.clients?.size > 0) this.#ending = true;
    super.close(callback);
  }
}
