import type { ServerOptions } from 'ws';

/** Options of a `ws` server, with those that its type declarations lack. */
export interface WsServerOptions extends ServerOptions {
  /** Milliseconds that a client has to end its connection after a close frame. */
  readonly closeTimeout?: number;
}
