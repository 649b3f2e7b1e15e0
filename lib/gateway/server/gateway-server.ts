import type { IncomingMessage, Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '@nestjs/common';
import type { ServerOptions, WebSocketServer } from 'ws';
import type { Clock } from '../../time/clock.js';
import { FanoutError, shown } from '../../errors/fanout-error.js';
import type { HeartbeatMonitor } from '../../heartbeat/heartbeat-monitor.js';
import type { Load } from '../../observe/load.js';
import type { Preflight } from '../../observe/preflight.js';
import type { Rejections } from '../../observe/rejections.js';
import { type ErrorLog, SampledErrors } from '../../observe/sampled-errors.js';
import type { ResolvedFanoutOptions } from '../../options/fanout-options.js';
import type { Protocols } from '../../protocol/protocols.js';
import { Admission } from '../admission/admission.js';
import { AdmissionRates } from '../../limits/admission-rates.js';
import type { AdmissionSlots } from '../../limits/admission-slots.js';
import type { AdmissionUsers } from '../admission/admission-users.js';
import type { HandshakeCheck } from '../handshake/arrival.js';
import type { Bans } from '../../limits/bans.js';
import { ClientAddresses } from '../admission/client-address.js';
import { Negotiation } from '../handshake/chosen-protocol.js';
import type { ConnectionLifecycle } from './connection-lifecycle.js';
import { DEFLATE_OFFER } from '../../ws/deflate-agreement.js';
import type { WsServerOptions } from '../../ws/server-options.js';
import { Endpoint } from '../handshake/endpoint.js';
import { EndpointServer } from '../handshake/endpoint-server.js';
import type { Gateway, GatewayExplorer } from '../nest/gateway-explorer.js';
import type { GatewayHandlers } from '../handshake/gateway-handlers.js';
import {
  gatewayOptions,
  type Given,
  type OptionLayer,
  pathOptions,
  portOptions,
} from '../nest/gateway-options.js';
import { OriginCheck } from '../admission/origin-check.js';
import { OwnServers } from '../nest/own-servers.js';
import { Placements, placeOf } from '../subscribe/placements.js';
import { UpgradeRefuser } from '../admission/upgrade-refuser.js';
import { badRequest } from '../handshake/upgrade-refusal.js';
import { UnclaimedUpgrades } from '../admission/unclaimed-upgrades.js';
import { trimmed } from '../admission/upgrade-request.js';
import { UpgradeServers } from '../admission/upgrade-servers.js';

/**
 * Milliseconds that a client may take to answer a close frame. Until then it holds its socket and unsent bytes. `ws`
 * would wait 30 s.
 */
const CLOSE_TIMEOUT_MS = 5000;

/** Connections that may wait to be accepted by the application's own server, by Node's default. */
const NODE_BACKLOG = 511;

/** The collaborators of {@link GatewayServer}. */
export interface ServerDeps {
  readonly options: ResolvedFanoutOptions;
  readonly explorer: GatewayExplorer;
  readonly handlers: GatewayHandlers;
  readonly lifecycle: ConnectionLifecycle;
  readonly protocols: Protocols;
  readonly guards: HandshakeCheck;
  readonly load: Load;
  readonly bans: Bans;
  readonly slots: AdmissionSlots;
  readonly users: AdmissionUsers;
  readonly rejections: Rejections;
  readonly heartbeat: HeartbeatMonitor;
  readonly preflight: Preflight;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Log for errors that clients can provoke. */
  readonly errors: ErrorLog;
}

/** Endpoints of the application's gateways, on its HTTP server and on ports of their own. */
export class GatewayServer {
  readonly #deps: ServerDeps;
  readonly #placements = new Placements();
  readonly #ownServers: OwnServers;
  readonly #negotiation: Negotiation;
  readonly #addresses: ClientAddresses;
  readonly #refuser: UpgradeRefuser;
  readonly #unclaimed: UnclaimedUpgrades;
  readonly #admission: Admission;
  readonly #servers: UpgradeServers;
  #drained = false;
  #disposed = false;

  constructor(deps: ServerDeps) {
    this.#deps = deps;
    const { options, lifecycle, rejections, protocols, clock } = deps;
    const negotiation = (this.#negotiation = new Negotiation(protocols));
    this.#ownServers = new OwnServers(options.limits.handshake);
    this.#addresses = new ClientAddresses(options.trustProxy);
    this.#refuser = new UpgradeRefuser(rejections, protocols, clock);
    this.#unclaimed = new UnclaimedUpgrades({
      addresses: this.#addresses,
      refuser: this.#refuser,
      rejections,
      handshakeMs: options.limits.handshake,
      clock,
    });
    this.#admission = new Admission({
      ...deps,
      rates: new AdmissionRates(options.limits, clock.now),
      origins: new OriginCheck(options.origins, this.#addresses),
      refusals: new SampledErrors(clock.now, { error: line => deps.logger.warn(line) }),
      refuser: this.#refuser,
      open: (arrival, client, credentials) =>
        lifecycle.open(arrival, client, negotiation.protocolOf(client, arrival.request), credentials),
    });
    this.#servers = new UpgradeServers({
      admission: this.#admission,
      addresses: this.#addresses,
      refuser: this.#refuser,
      unclaimed: this.#unclaimed,
      preflight: deps.preflight,
      unmatched: options.unmatched,
      clock,
    });
  }

  /** True if there are gateways with a server. Without them the application needs no monitors. */
  get serves(): boolean {
    return this.#servers.size > 0;
  }

  /** The largest backlog among the servers, in connections. */
  get backlog(): number {
    return Math.max(NODE_BACKLOG, this.#ownServers.backlog);
  }

  /**
   * Calls `create()` of an adapter for Nest. The returned server decides which endpoint serves the gateways of that
   * port and path.
   */
  answer(adapter: string, port: number, options: Given, create: () => unknown): unknown {
    return this.#placements.answer(adapter, port, options, create);
  }

  /**
   * Creates the endpoint of a port and path. Upgrades are refused until `listen`, even if the HTTP server already
   * listens.
   * @throws FanoutError FANOUT_PATH, FANOUT_PATH_AMBIGUOUS, and the errors of options from an adapter
   */
  create(port: number, options: ServerOptions, httpServer?: Server): WebSocketServer {
    const path = servedPath(port, options.path);
    // Nest treats 'm' and '/m' as different paths, and no path and '/' too. For a client they are the same.
    const present = this.#placements.endpoints.find(other => other.port === port && other.path === path);
    const endpoint = present ?? this.#endpointAt(port, path, httpServer);
    this.#placements.asked(endpoint, options as Given);
    return endpoint.server;
  }

  /**
   * Binds every gateway to its endpoint.
   * @throws FanoutError for gateways that contradict each other, or have no endpoint
   */
  bind(): void {
    const { explorer, handlers, heartbeat, logger } = this.#deps;
    explorer.assertProviders();
    for (const gateway of explorer.gateways) gatewayOptions(gateway.metatype);
    const placed = this.#placements.match(explorer.gateways);
    for (const [gateway, endpoint] of placed) {
      endpoint.add(gateway, handlers);
      // Logged as Nest logs messages, so that a typo in a path or pattern is seen at start.
      for (const { pattern } of gateway.topics) logger.log(topicLine(gateway.name, endpoint, pattern.text));
    }
    for (const endpoint of this.#placements.endpoints)
      if (endpoint.heartbeat !== false) heartbeat.prepare(endpoint.heartbeat);
    this.#configure(placed);
  }

  /** Gives each endpoint and port the combined options of its gateways and of the adapter. */
  #configure(placed: ReadonlyMap<Gateway, Endpoint>): void {
    const { preflight } = this.#deps;
    const ofPorts = new Map<number, OptionLayer[]>();
    for (const endpoint of this.#placements.endpoints) {
      const gateways = [...placed].filter(([, other]) => other === endpoint).map(([gateway]) => gateway);
      const layers = this.#placements.layersOf(endpoint, gateways);
      const options = pathOptions(`the path ${placeOf(endpoint)}`, layers);
      endpoint.configure(options);
      preflight.gateway(placeOf(endpoint), options.ws);
      if (!this.#placements.served(endpoint)) preflight.unserved(gateways.map(({ name }) => name));
      ofPorts.set(endpoint.port, [...(ofPorts.get(endpoint.port) ?? []), ...layers]);
    }
    for (const [port, layers] of ofPorts) this.#ownServers.configure(port, portOptions(port, layers));
  }

  /** Opens the gateways' own ports. @throws FanoutError FANOUT_PORT */
  async listen(): Promise<void> {
    this.#admission.open();
    await this.#ownServers.listen((port, { message }) => {
      const path = this.#placements.endpoints.find(endpoint => endpoint.port === port)?.path ?? '*';
      return new FanoutError('FANOUT_PORT', port, path, message);
    });
  }

  /** Refuses every upgrade from now on, also those whose handshake has begun. Called at the beginning of a shutdown. */
  refuseUpgrades(): void {
    this.#admission.close();
    this.#unclaimed.hurry();
    this.#servers.retire();
  }

  /**
   * Called after the clients have been closed. Nest or another module may close the HTTP server from now on.
   * @param leftMs milliseconds left of the shutdown
   */
  async drained(leftMs: number): Promise<void> {
    this.#drained = true;
    this.#servers.closing(leftMs);
    this.#unclaimed.stop();
    this.#refuser.hurry(leftMs);
    if (this.#disposed) await this.#stop();
  }

  /** Called by Nest before it closes the HTTP server; in a microservice, before the clients are closed. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.refuseUpgrades();
    if (this.#drained) await this.#stop();
  }

  /**
   * Closes our own servers. The HTTP server of the application is closed by its owner, which may take time. Until then
   * upgrades are refused.
   */
  async #stop(): Promise<void> {
    for (const { server } of this.#placements.endpoints) server.close();
    await this.#ownServers.stop();
    this.#placements.clear();
  }

  /** Stops listening to the application's servers. Called after their owner has closed them. */
  release(): void {
    this.#servers.release();
    this.#refuser.stop();
  }

  /** Answers a request that `ws` has found malformed. */
  #refuseBad(error: Error, socket: Duplex, request: IncomingMessage): void {
    const arrival = { request, socket, head: Buffer.alloc(0), ip: this.#addresses.of(request) };
    this.#refuser.refuse(arrival, badRequest(request.method, error.message));
  }

  #endpointAt(port: number, path: string | undefined, httpServer: Server | undefined): Endpoint {
    const endpoint = new Endpoint(port, path, this.#socketServer(), this.#deps.options.heartbeat);
    if (port === 0) assertUpgrades(httpServer, placeOf(endpoint));
    // For the system, port 0 means a random port, which no client could know.
    const server = port === 0 ? httpServer : this.#ownServers.at(port);
    if (server !== undefined) this.#servers.routerOf(server).add(endpoint);
    this.#placements.add(endpoint, server !== undefined);
    return endpoint;
  }

  #socketServer(): EndpointServer {
    const { limits, compression } = this.#deps.options;
    const options: WsServerOptions = {
      maxPayload: limits.payload,
      maxFragments: limits.fragments,
      maxBufferedChunks: limits.bufferedChunks,
      // We answer pings ourselves, unless the gateway sets `autoPong`.
      autoPong: undefined,
      perMessageDeflate: compression !== false && DEFLATE_OFFER,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: this.#negotiation.choose,
      noServer: true,
    };
    const server = new EndpointServer(options);
    if (compression !== false) server.on('headers', this.#negotiation.note);
    server.on('wsClientError', (error: Error, socket: Duplex, request: IncomingMessage) => {
      // A listener of the application answers itself.
      if (server.listenerCount('wsClientError') === 1) this.#refuseBad(error, socket, request);
    });
    return server;
  }
}

/**
 * Checks that a server supports upgrades.
 * @throws FanoutError FANOUT_HTTP2 for a server without HTTP/1.1, found by its missing HTTP/1.1 timeouts
 */
function assertUpgrades(server: Server | undefined, place: string): void {
  if (server instanceof NetServer && !('requestTimeout' in server))
    throw new FanoutError('FANOUT_HTTP2', place);
}

function topicLine(gateway: string, endpoint: Endpoint, pattern: string): string {
  return `${gateway} ${placeOf(endpoint)} offers the topic "${pattern}"`;
}

/** Returns the path of a gateway. A port of its own without a path matches every path, as under `WsAdapter`. */
function servedPath(port: number, path: string | undefined): string | undefined {
  if (path !== undefined && typeof path !== 'string') throw new FanoutError('FANOUT_PATH', shown(path));
  return path === undefined && port !== 0 ? undefined : trimmed(path ?? '/');
}
