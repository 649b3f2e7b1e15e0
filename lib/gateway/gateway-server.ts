import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '@nestjs/common';
import type { ServerOptions, WebSocket, WebSocketServer } from 'ws';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import { FanoutError } from '../errors/fanout-error.js';
import type { HeartbeatMonitor } from '../heartbeat/heartbeat-monitor.js';
import type { ResolvedFanoutOptions } from '../options/fanout-options.js';
import { batchedJson, deflated, formatOf, type WireFormat } from '../wire/json-format.js';
import type { ConnectionLifecycle } from './connection-lifecycle.js';
import { DEFLATE_OFFER, takesSharedFrames } from './deflate-agreement.js';
import { Endpoint } from './endpoint.js';
import { EndpointServer } from './endpoint-server.js';
import type { GatewayExplorer } from './gateway-explorer.js';
import type { GatewayHandlers } from './gateway-handlers.js';
import { type Admission, trimmed, UpgradeRouter } from './upgrade-router.js';

/** A peer that does not answer a close frame holds its socket, and what was sent to it, for this long. `ws` would wait 30 s. */
const CLOSE_TIMEOUT_MS = 5000;

/** The collaborators of {@link GatewayServer}. */
export interface ServerParts {
  readonly options: ResolvedFanoutOptions;
  readonly explorer: GatewayExplorer;
  readonly handlers: GatewayHandlers;
  readonly lifecycle: ConnectionLifecycle;
  readonly connections: ConnectionRegistry;
  readonly heartbeat: HeartbeatMonitor;
  readonly logger: Logger;
}

/** The endpoints of the application's gateways, on its HTTP server and on ports of their own. */
export class GatewayServer implements Admission {
  readonly #parts: ServerParts;
  readonly #endpoints: Endpoint[] = [];
  readonly #routers = new Map<Server, UpgradeRouter>();
  readonly #ownServers = new Map<number, Server>();
  /** Requests whose client takes compressed frames. */
  readonly #deflating = new WeakSet<IncomingMessage>();
  #closing = false;

  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  /** Makes the endpoint of a port and path. Upgrades are accepted from `listen` on, or when the HTTP server listens. */
  create(
    port: number,
    path: string | undefined,
    options: ServerOptions,
    httpServer?: Server,
  ): WebSocketServer {
    const { limits, heartbeat, compression } = this.#parts.options;
    // Nest tells 'm' from '/m' and no path from '/'; a client cannot.
    const present = this.#endpointAt(port, path);
    if (present !== undefined) return present.server;
    const server = new EndpointServer({
      maxPayload: limits.payload,
      maxFragments: limits.fragments,
      perMessageDeflate: compression !== false && DEFLATE_OFFER,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: offered =>
        offered.has(batchedJson.protocol) ? batchedJson.protocol : [...offered][0]!,
      ...options,
      noServer: true,
    } as ServerOptions);
    if (compression !== false) server.on('headers', this.#noteAgreement);
    const endpoint = new Endpoint(port, servedPath(port, path), server, heartbeat);
    this.#endpoints.push(endpoint);
    this.#routerOf((port === 0 ? httpServer : undefined) ?? this.#ownServer(port)).add(endpoint);
    return server;
  }

  /** Binds every gateway to its endpoint. @throws FanoutError for gateways that contradict each other */
  bind(): void {
    const { explorer, handlers, heartbeat, logger } = this.#parts;
    for (const gateway of explorer.gateways) {
      const endpoint = this.#endpointAt(gateway.port, gateway.path);
      // Without a server, as in an application context, there is nothing to serve.
      if (endpoint === undefined) continue;
      endpoint.add(gateway, handlers);
      // As Nest does for messages, so that a typo in a path or pattern is seen at start.
      for (const { pattern } of gateway.topics) logger.log(topicLine(gateway.name, endpoint, pattern.text));
    }
    for (const endpoint of this.#endpoints)
      if (endpoint.heartbeat !== false) heartbeat.prepare(endpoint.heartbeat);
  }

  /** Opens the gateways' own ports. @throws FanoutError FANOUT_PORT */
  async listen(): Promise<void> {
    await Promise.all([...this.#ownServers].map(([port, server]) => this.#listen(port, server)));
  }

  /** From now on every upgrade is refused. */
  refuseUpgrades(): void {
    this.#closing = true;
  }

  /** Gives the servers back: borrowed ones go on without us, our own are closed. */
  async stop(): Promise<void> {
    for (const router of this.#routers.values()) router.stop();
    for (const { server } of this.#endpoints) server.close();
    await Promise.all(
      [...this.#ownServers.values()].map(server => {
        const closed = new Promise(resolve => server.close(resolve));
        // A peer that never sends a request would hold the server open for good.
        server.closeAllConnections();
        return closed;
      }),
    );
    this.#routers.clear();
    this.#ownServers.clear();
    this.#endpoints.length = 0;
  }

  refusal(): number | undefined {
    return this.#closing || this.#parts.connections.size >= this.#parts.options.limits.connections
      ? 503
      : undefined;
  }

  accept(endpoint: Endpoint, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    endpoint.server.handleUpgrade(request, socket, head, client => {
      // An asynchronous verifyClient may have let in more than there is room for, or taken until the shutdown.
      if (this.refusal() !== undefined) return turnAway(client);
      this.#parts.lifecycle.open(endpoint, client, request, this.#formatOf(client, request));
    });
  }

  /** Called by `ws` with the headers of each 101 before it is sent. */
  readonly #noteAgreement = (headers: readonly string[], request: IncomingMessage): void => {
    if (takesSharedFrames(headers)) this.#deflating.add(request);
  };

  #formatOf(client: WebSocket, request: IncomingMessage): WireFormat {
    const format = formatOf(client.protocol);
    return this.#deflating.has(request) ? deflated(format) : format;
  }

  #endpointAt(port: number, path: string | undefined): Endpoint | undefined {
    const served = servedPath(port, path);
    return this.#endpoints.find(endpoint => endpoint.port === port && endpoint.path === served);
  }

  #routerOf(server: Server): UpgradeRouter {
    let router = this.#routers.get(server);
    if (router === undefined) this.#routers.set(server, (router = new UpgradeRouter(server, this)));
    return router;
  }

  #ownServer(port: number): Server {
    let server = this.#ownServers.get(port);
    if (server === undefined) {
      server = createServer((_, response) => response.writeHead(426).end(STATUS_CODES[426]));
      this.#ownServers.set(port, server);
    }
    return server;
  }

  #listen(port: number, server: Server): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        const path = this.#endpoints.find(endpoint => endpoint.port === port)?.path ?? '*';
        reject(new FanoutError('FANOUT_PORT', port, path, error.message));
      };
      server.once('error', failed);
      server.listen(port, () => {
        server.off('error', failed);
        resolve();
      });
    });
  }
}

/** `ws` goes on reading until the peer has answered the close, and reports what is wrong with it as an error event. */
function turnAway(client: WebSocket): void {
  client.on('error', () => {});
  client.close(1013, 'try again later');
}

function topicLine(gateway: string, { port, path }: Endpoint, pattern: string): string {
  const place = `${port === 0 ? '' : `:${port}`}${path ?? ''}`;
  return `${gateway} {${place}} offers the topic "${pattern}"`;
}

/** The path a gateway is served on. A port of its own without a path takes every path, as under `WsAdapter`. */
function servedPath(port: number, path: string | undefined): string | undefined {
  return path === undefined && port !== 0 ? undefined : trimmed(path ?? '/');
}
