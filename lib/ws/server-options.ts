import type { ServerOptions, WebSocket, WebSocketServer } from 'ws';

/** Options of a `ws` server, with some that the type declarations lack. */
export interface WsServerOptions extends ServerOptions {
  /** Milliseconds for a client to end its connection after a close frame. */
  readonly closeTimeout?: number;
  /** Most pongs of `autoPong` that may wait to be sent to a client. */
  readonly maxPendingAutoPongs?: number;
}

/** Changes options of a server without clients. `ws` reads its options at each handshake. */
export function changeOptions(server: WebSocketServer, options: Readonly<Record<string, unknown>>): void {
  const { perMessageDeflate, clientTracking } = options;
  Object.assign(server.options, options, perMessageDeflate === true && { perMessageDeflate: {} });
  // The constructor of `ws` does the same, but has seen only the default.
  if (clientTracking === false) Reflect.deleteProperty(server, 'clients');
}

/**
 * Removes the `close` listener by which `ws` keeps `clients` of a server up to date. The caller then has to remove
 * closed clients. A client with another listener keeps all of them, because the listeners cannot be told apart.
 */
export function stopTracking(server: WebSocketServer, client: WebSocket): void {
  // With `clientTracking: false` there are no clients, and a socket class of the application may listen too.
  if (server.clients !== undefined && client.listenerCount('close') === 1) client.removeAllListeners('close');
}
