import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '@nestjs/common';
import type { ServerOptions, WebSocket, WebSocketServer } from 'ws';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { HeartbeatMonitor } from '../heartbeat/heartbeat-monitor.js';
import type { Load } from '../observe/load.js';
import type { Preflight } from '../observe/preflight.js';
import type { Rejections } from '../observe/rejections.js';
import type { ErrorLog } from '../observe/sampled-errors.js';
import type { ResolvedFanoutOptions } from '../options/fanout-options.js';
import { deflated, formatOf, type WireFormat } from '../wire/json-format.js';
import { Admission } from './admission.js';
import { AdmissionRates } from './admission-rates.js';
import type { AdmissionSlots } from './admission-slots.js';
import type { AdmissionUsers } from './admission-users.js';
import type { HandshakeCheck } from './arrival.js';
import type { Bans } from './bans.js';
import { ClientAddresses } from './client-address.js';
import { chosenProtocol } from './chosen-protocol.js';
import type { ConnectionLifecycle } from './connection-lifecycle.js';
import { DEFLATE_OFFER, takesSharedFrames } from './deflate-agreement.js';
import { Endpoint } from './endpoint.js';
import { EndpointServer } from './endpoint-server.js';
import type { GatewayExplorer } from './gateway-explorer.js';
import type { GatewayHandlers } from './gateway-handlers.js';
import { OriginCheck } from './origin-check.js';
import { Turnstile } from './turnstile.js';
import { badRequest } from './upgrade-refusal.js';
import { type RouterParts, trimmed, UpgradeRouter } from './upgrade-router.js';
import type { VerifyClient } from './verify-client.js';

/** A peer that does not answer a close frame holds its socket, and what was sent to it, for this long. `ws` would wait 30 s. */
const CLOSE_TIMEOUT_MS = 5000;

/** Connections that may wait for us to accept them; the system's `net.core.somaxconn` may be lower. */
const BACKLOG = 4096;

/** The same of the application's own server, which Nest leaves to Node. */
const NODE_BACKLOG = 511;

/** Milliseconds between two looks at who has not finished its request in time. */
const CHECKING_MS = 1000;

/** The collaborators of {@link GatewayServer}. */
export interface ServerParts {
  readonly options: ResolvedFanoutOptions;
  readonly explorer: GatewayExplorer;
  readonly handlers: GatewayHandlers;
  readonly lifecycle: ConnectionLifecycle;
  readonly guards: HandshakeCheck;
  readonly load: Load;
  readonly bans: Bans;
  readonly slots: AdmissionSlots;
  readonly users: AdmissionUsers;
  readonly rejections: Rejections;
  readonly heartbeat: HeartbeatMonitor;
  readonly preflight: Preflight;
  readonly logger: Logger;
  /** For errors that clients can bring about. */
  readonly errors: ErrorLog;
}

/** The endpoints of the application's gateways, on its HTTP server and on ports of their own. */
export class GatewayServer {
  readonly #parts: ServerParts;
  readonly #endpoints: Endpoint[] = [];
  readonly #routers = new Map<Server, UpgradeRouter>();
  readonly #ownServers = new Map<number, Server>();
  /** Requests whose client takes compressed frames. */
  readonly #deflating = new WeakSet<IncomingMessage>();
  readonly #addresses: ClientAddresses;
  readonly #turnstile: Turnstile;
  readonly #admission: Admission;
  readonly #routing: RouterParts;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    const { options, lifecycle, rejections } = parts;
    this.#addresses = new ClientAddresses(options.trustProxy);
    this.#turnstile = new Turnstile(rejections);
    this.#admission = new Admission({
      ...parts,
      rates: new AdmissionRates(options.limits, () => performance.now()),
      origins: new OriginCheck(options.origins, this.#addresses),
      turnstile: this.#turnstile,
      open: (arrival, client, credentials) =>
        lifecycle.open(arrival, client, this.#formatOf(client, arrival.request), credentials),
    });
    this.#routing = {
      admission: this.#admission,
      addresses: this.#addresses,
      turnstile: this.#turnstile,
      unmatched: options.unmatched,
    };
  }

  /** Whether there are gateways. In an application without them there is nothing to watch over. */
  get serves(): boolean {
    return this.#endpoints.length > 0;
  }

  /** Connections that may wait to be accepted: the most that one of its servers asks the system for. */
  get backlog(): number {
    return this.#ownServers.size > 0 ? BACKLOG : NODE_BACKLOG;
  }

  /**
   * Makes the endpoint of a port and path. Upgrades are accepted from `listen` on, or when the HTTP server listens.
   * @throws FanoutError FANOUT_PATH, FANOUT_PATH_AMBIGUOUS
   */
  create(
    port: number,
    path: string | undefined,
    { verifyClient, ...options }: ServerOptions,
    httpServer?: Server,
  ): WebSocketServer {
    const { limits, heartbeat, compression } = this.#parts.options;
    // Nest tells 'm' from '/m' and no path from '/'; a client cannot.
    const present = this.#endpointAt(port, path);
    if (present !== undefined) return present.server;
    const server = new EndpointServer({
      maxPayload: limits.payload,
      maxFragments: limits.fragments,
      maxBufferedChunks: limits.bufferedChunks,
      // Neither: we answer pings ourselves, unless the gateway says which.
      autoPong: undefined,
      perMessageDeflate: compression !== false && DEFLATE_OFFER,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: chosenProtocol,
      ...options,
      noServer: true,
    } as ServerOptions);
    if (compression !== false) server.on('headers', this.#noteAgreement);
    server.on('wsClientError', (error, socket, request) => {
      // The application's own listener answers, if it has one.
      if (server.listenerCount('wsClientError') === 1) this.#refuseBad(error, socket, request);
    });
    const verify = verifyClient as VerifyClient | undefined;
    const endpoint = new Endpoint(port, servedPath(port, path), server, heartbeat, verify);
    this.#parts.preflight.gateway(placeOf(endpoint), options);
    this.#routerOf((port === 0 ? httpServer : undefined) ?? this.#ownServer(port)).add(endpoint);
    this.#endpoints.push(endpoint);
    return server;
  }

  /** Binds every gateway to its endpoint. @throws FanoutError for gateways that contradict each other */
  bind(): void {
    const { explorer, handlers, heartbeat, logger } = this.#parts;
    explorer.assertProviders();
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

  /** From now on every upgrade is refused, and so are those under way. */
  refuseUpgrades(): void {
    this.#admission.close();
  }

  /** Gives the servers back: borrowed ones go on without us, our own are closed. */
  async stop(): Promise<void> {
    for (const router of this.#routers.values()) router.stop();
    this.#turnstile.stop();
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

  /** Called by `ws` with the headers of each 101 before it is sent. */
  readonly #noteAgreement = (headers: readonly string[], request: IncomingMessage): void => {
    if (takesSharedFrames(headers)) this.#deflating.add(request);
  };

  /** Answers a request that is no handshake, as `ws` has found out. */
  #refuseBad(error: Error, socket: Duplex, request: IncomingMessage): void {
    const arrival = { request, socket, head: Buffer.alloc(0), ip: this.#addresses.of(request) };
    this.#turnstile.refuse(arrival, badRequest(request.method, error.message));
  }

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
    if (router === undefined) this.#routers.set(server, (router = new UpgradeRouter(server, this.#routing)));
    return router;
  }

  #ownServer(port: number): Server {
    let server = this.#ownServers.get(port);
    if (server === undefined) {
      // Node takes whole milliseconds only.
      const handshake = Math.ceil(this.#parts.options.limits.handshake);
      // A request that comes a byte at a time must not last longer than the handshake that follows it.
      const settings = { requestTimeout: handshake, connectionsCheckingInterval: CHECKING_MS };
      server = createServer(settings, (_, response) => response.writeHead(426).end(STATUS_CODES[426]));
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
      server.listen({ port, backlog: BACKLOG }, () => {
        server.off('error', failed);
        resolve();
      });
    });
  }
}

function topicLine(gateway: string, endpoint: Endpoint, pattern: string): string {
  return `${gateway} ${placeOf(endpoint)} offers the topic "${pattern}"`;
}

/** Where an endpoint is, as the log names it: `{/path}` or `{:port/path}`. */
function placeOf({ port, path }: Endpoint): string {
  return `{${port === 0 ? '' : `:${port}`}${path ?? ''}}`;
}

/** The path a gateway is served on. A port of its own without a path takes every path, as under `WsAdapter`. */
function servedPath(port: number, path: string | undefined): string | undefined {
  if (path !== undefined && typeof path !== 'string') throw new FanoutError('FANOUT_PATH', shown(path));
  return path === undefined && port !== 0 ? undefined : trimmed(path ?? '/');
}
