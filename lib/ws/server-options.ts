import type { ServerOptions, WebSocket, WebSocketServer } from 'ws';

/** Options of a `ws` server, with those that its type declarations lack. */
export interface WsServerOptions extends ServerOptions {
  /** Milliseconds that a client has to end its connection after a close frame. */
  readonly closeTimeout?: number;
  /** Most pongs of `autoPong` that may wait to be sent to a client. */
  readonly maxPendingAutoPongs?: number;
}

/** Changes options of a server that has no clients: `ws` reads its options at each handshake. */
export function changeOptions(server: WebSocketServer, options: Readonly<Record<string, unknown>>): void {
  const { perMessageDeflate, clientTracking } = options;
  Object.assign(server.options, options, perMessageDeflate === true && { perMessageDeflate: {} });
  // The constructor of `ws` does the same, and has had the default only.
  if (clientTracking === false) Reflect.deleteProperty(server, 'clients');
}

/**
 * Removes the `close` listener with which `ws` keeps `clients` of a server up to date, so the caller has to do that. A client
 * with another listener keeps them all: `ws` tells the listeners by nothing.
 */
export function stopTracking(server: WebSocketServer, client: WebSocket): void {
  // With `clientTracking: false` there are no clients, and a socket class of the application's may listen too.
  if (server.clients !== undefined && client.listenerCount('close') === 1) client.removeAllListeners('close');
}
