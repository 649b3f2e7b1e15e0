import { createServer, type Server, STATUS_CODES } from 'node:http';
import type { PortOptions } from './gateway-options.js';

/** Most connections that may wait to be accepted; the system's `net.core.somaxconn` may be lower. */
const BACKLOG = 4096;

/** Milliseconds between two checks for requests that take too long to arrive. */
const CHECKING_MS = 1000;

/** The HTTP servers of gateways with a port of their own. */
export class OwnServers {
  readonly #servers = new Map<number, Server>();
  readonly #options = new Map<number, PortOptions>();
  readonly #handshakeMs: number;

  /** @param handshakeMs time for a client to send its request */
  constructor(handshakeMs: number) {
    this.#handshakeMs = handshakeMs;
  }

  /** The largest backlog among the servers, in connections; 0 without servers. */
  get backlog(): number {
    return Math.max(0, ...[...this.#servers.keys()].map(port => this.#listenOptions(port).backlog));
  }

  /** Returns the server of a port, created at the first call. */
  at(port: number): Server {
    let server = this.#servers.get(port);
    if (server === undefined) {
      // A request that arrives byte by byte must not last longer than a handshake may.
      const settings = {
        requestTimeout: Math.ceil(this.#handshakeMs),
        connectionsCheckingInterval: CHECKING_MS,
      };
      server = createServer(settings, (_, response) => {
        response.writeHead(426, { Connection: 'Upgrade', Upgrade: 'websocket' }).end(STATUS_CODES[426]);
      });
      this.#servers.set(port, server);
    }
    return server;
  }

  /** Sets the options for listening on a port. */
  configure(port: number, options: PortOptions): void {
    this.#options.set(port, options);
  }

  /** Opens the ports. @param failed makes the error of a port that cannot be opened */
  async listen(failed: (port: number, error: Error) => Error): Promise<void> {
    await Promise.all([...this.#servers].map(([port, server]) => this.#listen(port, server, failed)));
  }

  async stop(): Promise<void> {
    await Promise.all(
      [...this.#servers.values()].map(server => {
        const closed = new Promise(resolve => server.close(resolve));
        // A client that never sends a request would keep the server open for ever.
        server.closeAllConnections();
        return closed;
      }),
    );
    this.#servers.clear();
    this.#options.clear();
  }

  #listen(port: number, server: Server, failed: (port: number, error: Error) => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const onError = (error: Error): void => reject(failed(port, error));
      server.once('error', onError);
      server.listen(this.#listenOptions(port), () => {
        server.off('error', onError);
        resolve();
      });
    });
  }

  #listenOptions(port: number): PortOptions & { readonly port: number; readonly backlog: number } {
    return { backlog: BACKLOG, ...this.#options.get(port), port };
  }
}
