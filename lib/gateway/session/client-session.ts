import { inCopiedContext } from '../../connection/own-context.js';
import type { ContextId } from '@nestjs/core';
import type { Subscription as RxSubscription } from 'rxjs';
import type { WebSocket } from 'ws';
import type { SocketConnection } from '../../connection/socket-connection.js';
import type { Transport } from '../../connection/transport.js';
import type { Subscription } from '../../topic/subscription.js';
import type { ClientEndpoint } from './client-endpoint.js';
import { Inbound, type InboundSession } from './inbound.js';
import type { MessageId } from '../../protocol/frames.js';
import type { Incoming } from '../../protocol/protocol.js';
import type { UnreadyBytes } from '../../limits/unready-bytes.js';
import type { Usage } from '../../limits/usage-limits.js';

/** Connection in the gateway, with topic subscriptions. */
export type ClientConnection = SocketConnection<Subscription>;

/** Request that its client may cancel. */
export interface Cancellable {
  readonly id: MessageId | undefined;
  /** Ends the stream of the request. Does nothing to a request that is answered without a stream. */
  cancel(): void;
}

/** Collaborators of sessions: one object for all of them. */
export interface SessionDeps {
  /** Ledger of bytes that wait for their connections to be ready. */
  readonly unready: UnreadyBytes;
  /** Routes a client's message. Must not throw or reject. */
  route(session: ClientSession, message: Incoming): void | Promise<void>;
}

/** State of one client beyond its connection. Stored on the `ws` socket, so that listeners need no closures. */
export class ClientSession implements Usage, InboundSession {
  readonly inbound = new Inbound(this);
  /** Observables from handlers that still emit. The end of the connection ends them. */
  replies: Set<RxSubscription> | undefined;
  /** Requests with an id that may have a stream, for `cancel`. */
  requests: Set<Cancellable> | undefined;
  /** Number of subscribes in progress. They count towards the topic limit. */
  subscribing = 0;
  /** Number of renewals of the credentials. */
  renewals = 0;
  /** Context of request-scoped gateways, one for the life of the connection. */
  contextId: ContextId | undefined;
  /** Settles after every `handleConnection` has; undefined without such hooks. */
  connected: Promise<void> | undefined;
  usedAt = 0;
  messages = 0;
  bytes = 0;
  subscribes = 0;
  conduct: Usage['conduct'];
  readonly #deps: SessionDeps;

  constructor(
    readonly connection: ClientConnection,
    readonly endpoint: ClientEndpoint,
    deps: SessionDeps,
  ) {
    this.#deps = deps;
  }

  get socket(): WebSocket {
    return this.connection.socket;
  }

  /** Largest message in bytes. A gateway may have a limit of its own; 0 is no limit. */
  get maxPayload(): number {
    return this.endpoint.server.options.maxPayload || Infinity;
  }

  get unready(): UnreadyBytes {
    return this.#deps.unready;
  }

  get full(): boolean {
    return this.connection.full;
  }

  awaitRoom(): void {
    void this.connection.whenRead(() => this.inbound.goOn());
  }

  handle(message: Incoming): void | Promise<void> {
    const { connection } = this;
    connection.handlerBegins();
    const handled = inCopiedContext(this.#deps.route, this, message);
    if (handled === undefined) connection.handlerEnds();
    else void handled.then(() => connection.handlerEnds());
    return handled;
  }
}

const SESSION = Symbol('fanout:session');

type Carrier = Transport & { [SESSION]?: ClientSession };

export function attachSession(transport: Transport, session: ClientSession): void {
  (transport as Carrier)[SESSION] = session;
}

export function sessionOf(transport: Transport): ClientSession | undefined {
  return (transport as Carrier)[SESSION];
}

export function connectionOf(socket: WebSocket): ClientConnection | undefined {
  return sessionOf(socket)?.connection;
}
