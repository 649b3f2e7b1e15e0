import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { ConnectionRegistry } from '../../connection/connection-registry.js';
import { Handshake } from '../../connection/handshake.js';
import { inOwnContext } from '../../connection/own-context.js';
import { type ConnectionDeps, SocketConnection } from '../../connection/socket-connection.js';
import type { ConnectionUser } from '../../connection/user.js';
import type { Clock } from '../../time/clock.js';
import { inTime } from '../../time/deadline.js';
import { CLOSE, type Close } from '../../errors/close-codes.js';
import type { HeartbeatMonitor } from '../../heartbeat/heartbeat-monitor.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import type { ResolvedFanoutOptions } from '../../options/fanout-options.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import type { Subscription } from '../../topic/subscription.js';
import type { Protocol } from '../../protocol/protocol.js';
import type { AdmissionSlots } from '../../limits/admission-slots.js';
import type { Arrival, Credentials } from '../handshake/arrival.js';
import { attachSession, ClientSession, type SessionDeps, sessionOf } from '../session/client-session.js';
import type { Expiries } from '../handshake/expiries.js';
import type { Offenders } from '../messages/offenders.js';
import type { FrameReceiver } from '../messages/frame-receiver.js';
import type { UnfinishedMessages } from '../messages/unfinished-messages.js';

/** The collaborators of {@link ConnectionLifecycle}. */
export interface LifecycleDeps {
  readonly options: ResolvedFanoutOptions;
  readonly connections: ConnectionRegistry;
  readonly topics: TopicRegistry;
  readonly heartbeat: HeartbeatMonitor;
  readonly expiries: Expiries<ClientSession>;
  readonly slots: AdmissionSlots;
  readonly receiver: FrameReceiver;
  readonly offenders: Offenders;
  readonly unfinished: UnfinishedMessages;
  readonly connection: ConnectionDeps;
  /** Connection parts for gateways without a heartbeat. */
  readonly connectionWithoutPings: ConnectionDeps;
  readonly sessionHost: SessionDeps;
  readonly clock: Clock;
  readonly logger: ErrorLog;
}

/**
 * Life of a connection, from the 101 to its end. The first message is handled after `handleConnection` of every gateway
 * on the path has settled. A hook that throws closes its own connection, never the process.
 */
export class ConnectionLifecycle {
  readonly #deps: LifecycleDeps;
  /** Running hooks. A shutdown waits for them. */
  readonly #hooks = new Set<Promise<unknown>>();

  /** One function for all sockets, so that a connection costs no closure: `this` is the socket. */
  readonly #onClose: (this: WebSocket, code: number, reason: Buffer) => void;

  constructor(deps: LifecycleDeps) {
    this.#deps = deps;
    const disconnect = this.#disconnect.bind(this);
    this.#onClose = function (code, reason) {
      disconnect(sessionOf(this)!, { code, reason: reason.toString() });
    };
  }

  /** Takes over a WebSocket after its handshake, together with its slot. */
  open(arrival: Arrival, socket: WebSocket, protocol: Protocol, credentials?: Credentials): void {
    const { connections, heartbeat, expiries, receiver, sessionHost, unfinished } = this.#deps;
    const { endpoint, request, ip, params } = arrival;
    const url = ownString(request.url ?? '/', endpoint.path);
    const handshake = new Handshake(url, ip, request.headers, params);
    const deps = endpoint.heartbeat === false ? this.#deps.connectionWithoutPings : this.#deps.connection;
    const connection = new SocketConnection<Subscription>(socket, request.socket, handshake, deps, protocol);
    const session = new ClientSession(connection, endpoint, sessionHost);
    endpoint.server.adopt(socket);
    attachSession(socket, session);
    connections.add(connection);
    deps.counters.accepted++;
    if (endpoint.heartbeat !== false) heartbeat.add(connection, endpoint.heartbeat);
    unfinished.watch();
    receiver.listen(socket);
    socket.on('close', this.#onClose);
    if (credentials?.expiresAt !== undefined) expiries.set(session, credentials.expiresAt);
    if (credentials?.user !== undefined) connection.user = credentials.user as ConnectionUser;
    // Listeners added by `afterInit` come before the hooks, as under `WsAdapter`. The hooks run even if a listener
    // throws.
    try {
      endpoint.server.emit('connection', socket, request);
    } finally {
      this.#begin(session, request);
    }
  }

  #begin(session: ClientSession, request: IncomingMessage): void {
    if (session.endpoint.connectHooks.length === 0) this.#ready(session, request);
    else session.connected = this.#track(this.#connect(session, request));
  }

  /** Ignores all further messages, because the server shuts down. */
  drain(): void {
    this.#deps.receiver.drain();
  }

  /** Resolves when no hook is running. */
  async settled(): Promise<void> {
    while (this.#hooks.size > 0) await Promise.allSettled(this.#hooks);
  }

  async #connect(session: ClientSession, request: IncomingMessage): Promise<void> {
    const { connection, endpoint } = session;
    const { logger, offenders, options, clock } = this.#deps;
    const hooks = Promise.allSettled(
      endpoint.connectHooks.map(async hook => {
        await inOwnContext(hook, connection.socket, request);
      }),
    );
    const outcomes = await inTime(clock, options.limits.handshake, hooks, () => {
      // A client that has left meanwhile is not at fault.
      if (connection.open) offenders.close(session, 'handshake-time', CLOSE.HANDSHAKE_TIMEOUT);
      return [];
    });
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      logger.error(outcome.reason, 'handleConnection failed; its connection is closed');
      connection.closeWith(CLOSE.HOOK_FAILED);
    }
    this.#ready(session, request);
  }

  #ready(session: ClientSession, request: IncomingMessage): void {
    const { connection, inbound, endpoint } = session;
    const { user } = request as { user?: ConnectionUser };
    if (connection.open && connection.user === undefined && user !== undefined) connection.user = user;
    // A hook may have refused the client by closing the socket itself, and a limit may have closed it. No message of a
    // closed connection is handled.
    if (!connection.open) return inbound.clear();
    const { keep } = this.#deps.options.handshake;
    // Guards that read the host run again when the client renews its credentials.
    connection.handshake.keep(endpoint.handshakeGuards.length > 0 ? [...keep, 'host'] : keep);
    this.#deps.expiries.begin(session);
    inbound.open(this.#deps.options.limits.inFlight);
  }

  #disconnect(session: ClientSession, close: Close): void {
    const { connections, topics, heartbeat, expiries, unfinished, slots, logger } = this.#deps;
    const { connection, endpoint } = session;
    const { closedWith } = connection;
    this.#deps.connection.counters.closed((closedWith ?? close).code, closedWith !== undefined);
    slots.give(connection.handshake.ip);
    endpoint.server.forget(connection.socket);
    heartbeat.delete(connection);
    expiries.delete(session);
    unfinished.forget(session);
    topics.leaveAll(connection, 'disconnected');
    connection.sink.end();
    connections.delete(connection);
    // Messages sent before the client disconnected are still handled. After our own close they are not.
    if (closedWith !== undefined) session.inbound.clear();
    else session.inbound.leave();
    this.#deps.connection.waiting.end(connection);
    for (const reply of session.replies ?? []) {
      try {
        reply.unsubscribe();
      } catch (error) {
        logger.error(error, 'a reply stream failed in its teardown');
      }
    }
    if (endpoint.disconnectHooks.length > 0)
      this.#track(this.#tellDisconnected(session, closedWith ?? close));
  }

  async #tellDisconnected({ connection, endpoint, connected }: ClientSession, reason: Close): Promise<void> {
    // A gateway sees the end of a connection only after its beginning.
    await connected;
    // In parallel, so that a hook that never settles does not delay the hooks of other gateways.
    const outcomes = await Promise.allSettled(
      endpoint.disconnectHooks.map(async hook => {
        await inOwnContext(hook, connection.socket, reason);
      }),
    );
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') this.#deps.logger.error(outcome.reason, 'handleDisconnect failed');
    }
  }

  #track(work: Promise<void>): Promise<void> {
    this.#hooks.add(work);
    return work.finally(() => this.#hooks.delete(work));
  }
}

/** Replaces the URL by our own equal text. Each request has a copy, which would stay in memory with its connection. */
function ownString(url: string, path: string | undefined): string {
  return url === path ? path : url;
}
