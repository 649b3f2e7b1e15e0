// The gateway throws exceptions of Nest, and Nest needs this import before any other of its parts.
import 'reflect-metadata';
import { Delivery } from '../../lib/broadcast/delivery.js';
import { FirstGrants } from '../../lib/connection/first-grants.js';
import { flightTimeOf } from '../../lib/connection/flight-time.js';
import { ConnectionRegistry } from '../../lib/connection/connection-registry.js';
import { Handshake } from '../../lib/connection/handshake.js';
import { type ConnectionDeps, SocketConnection } from '../../lib/connection/socket-connection.js';
import { webSocketKind } from '../../lib/connection/web-socket-kind.js';
import { WaitingAnswers } from '../../lib/connection/waiting-answers.js';
import { Refusal } from '../../lib/errors/refusals.js';
import { attachSession, ClientSession, sessionOf } from '../../lib/gateway/session/client-session.js';
import type { Invocation } from '../../lib/gateway/nest/invocation.js';
import { Answers } from '../../lib/gateway/session/answers.js';
import { SnapshotRenewal } from '../../lib/gateway/subscribe/snapshot-renewal.js';
import { SubscribeRouter } from '../../lib/gateway/subscribe/subscribe-router.js';
import { TopicRequests } from '../../lib/gateway/subscribe/topic-requests.js';
import { TopicRoom } from '../../lib/gateway/subscribe/topic-room.js';
import { TopicSources } from '../../lib/gateway/subscribe/topic-sources.js';
import { UsageLimits } from '../../lib/limits/usage-limits.js';
import { Counters } from '../../lib/observe/counters.js';
import { BufferPool } from '../../lib/memory/buffer-pool.js';
import { UnreadyBytes } from '../../lib/limits/unready-bytes.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { Subscription } from '../../lib/topic/subscription.js';
import type { TopicPolicy } from '../../lib/topic/topic-policy.js';
import type { Command, Protocol } from '../../lib/protocol/protocol.js';
import { jsonParser } from '../../lib/protocol/json-messages.js';
import { Protocols } from '../../lib/protocol/protocols.js';
import type { HandClock } from '../support/unit/hand-clock.js';
import { type ClientSpec, PRESENCE, type Settings, subjectOf, type TopicSpec } from './scenario.js';
import type { VirtualSocket } from './virtual-socket.js';
import type { VirtualWebSocket } from './virtual-web-socket.js';

export type Connection = SocketConnection<Subscription>;

/** What a topic's method returns, now or later. `held` is what the client's message said, undefined when the server asks. */
export type TopicMethod = (connection: Connection, topic: string, held: boolean | undefined) => unknown;

/** What a server is made of. */
export interface ServerParts {
  readonly settings: Settings;
  readonly topics: Readonly<Record<string, TopicSpec>>;
  readonly clock: HandClock;
  readonly method: TopicMethod;
  /** Called when the server closes a connection, before its subscriptions end. */
  readonly closing: (connection: Connection) => void;
}

/** Topics that a connection may have; more than any scenario has. */
const TOPIC_LIMIT = 100;

/** How often clients ask is the scenario's business. */
const UNLIMITED = resolveOptions({ limits: { subscribesPerSecond: 0 } });

const FLUSH = { maxDelay: 50, maxBytes: 65_536, utilisation: 0.5 };

/**
 * The core and the part of the gateway that answers clients: what `lib/fanout.module.ts` composes, without Nest and on the
 * clock of the tests.
 */
export class Server {
  readonly pool = new BufferPool();
  readonly counters = new Counters();
  readonly connections = new ConnectionRegistry();
  readonly delivery: Delivery;
  readonly #router: SubscribeRouter;
  readonly #host: ConnectionDeps;
  readonly #method: TopicMethod;
  readonly #beat: { readonly interval: number | undefined; readonly clock: HandClock };
  readonly #beats = new Map<Connection, unknown>();
  readonly #sessionHost = {
    unready: new UnreadyBytes(Infinity),
    route: (session: ClientSession, text: unknown) => this.#route(session, text),
  };

  constructor({ settings, topics, clock, method, closing }: ServerParts) {
    const { window, slice, maxBytes, grace, lag, heartbeat, budget, historyBudget, recoveries } = settings;
    this.#method = method;
    this.#beat = { interval: heartbeat, clock };
    this.delivery = new Delivery({
      settings: {
        flush: { ...FLUSH, window, slice },
        slowConsumer: { maxBytes, grace, lag, budget },
        history: { budget: historyBudget, recoveries },
        limits: { publication: maxBytes },
        compression: { threshold: 100, level: 1 },
        publishing: { check: 'listeners' },
      },
      clock,
      pool: this.pool,
      counters: this.counters,
      policies: {
        policyOf: name => policyOf(topics[name] ?? PRESENCE),
        policyFor: name => policyOf(topics[name] ?? PRESENCE),
      },
      connections: this.connections,
      logger: console,
    });
    const { broadcaster, backlog, catchUp, laggards, presence } = this.delivery;
    const sources = new TopicSources(broadcaster, () => {}, console as never);
    const room = new TopicRoom(this.delivery.topics, Infinity);
    const requests = new TopicRequests(this.delivery, sources, room);
    const answers = new Refuser({ errors: console, offenders: { refused: () => {} } });
    this.#router = new SubscribeRouter({
      delivery: this.delivery,
      sources,
      requests,
      answers,
      usage: new UsageLimits(UNLIMITED, clock.now),
      room,
      load: { overload: undefined },
      topicsPerConnection: TOPIC_LIMIT,
    });
    const renewal = new SnapshotRenewal({
      topics: this.delivery.topics,
      catchUp,
      requests,
      answers,
    });
    this.delivery.topics.listen({ vacated: topic => sources.stop(topic.name) });
    catchUp.resyncWith((subscription, reason) => renewal.renew(subscription, reason));
    // Without pings nothing tells what a client has read.
    const flightTime = heartbeat === undefined ? Infinity : flightTimeOf(lag);
    this.#host = {
      turnWrites: this.delivery.turnWrites,
      waiting: new WaitingAnswers(laggards),
      maxUnsentBytes: maxBytes,
      flightTime,
      firstGrants: new FirstGrants(flightTime),
      clock,
      counters: this.counters,
      kind: webSocketKind,
      pinned: backlog.add.bind(backlog),
      drained: connection => catchUp.drained(connection.sink),
      subscribe: this.#router.subscribeFromServer.bind(this.#router),
      unsubscribe: this.#router.unsubscribeFromServer.bind(this.#router),
      userChanged: connection => {
        this.connections.userChanged(connection);
        presence.userChanged(connection);
      },
      finishing: this.#router.finish.bind(this.#router),
      closing: connection => {
        closing(connection);
        this.delivery.topics.leaveAll(connection);
        sessionOf(connection.socket)?.inbound.clear();
      },
    };
  }

  /** A handshake is done. */
  open(socket: VirtualSocket, ws: VirtualWebSocket, spec: ClientSpec): Connection {
    const handshake = new Handshake('/', '127.0.0.1', {});
    const connection: Connection = new SocketConnection(
      ws as never,
      socket,
      handshake,
      this.#host,
      protocolOf(spec),
    );
    const endpoint = { server: { options: {} }, topics: { find: this.#find } };
    const session = new ClientSession(connection, endpoint as never, this.#sessionHost);
    attachSession(connection.socket, session);
    ws.onMessage = text => void session.inbound.receive(text);
    ws.onPong = payload => void connection.pong(payload);
    connection.user = spec.user;
    this.connections.add(connection);
    session.inbound.open(1);
    const { interval, clock } = this.#beat;
    if (interval !== undefined)
      this.#beats.set(
        connection,
        clock.setInterval(() => connection.ping(), interval),
      );
    return connection;
  }

  /** The socket of a connection has ended. */
  closed(connection: Connection): void {
    this.#beat.clock.clearInterval(this.#beats.get(connection));
    this.#beats.delete(connection);
    this.delivery.topics.leaveAll(connection);
    connection.sink.end();
    this.connections.delete(connection);
    if (connection.closedWith !== undefined) sessionOf(connection.socket)!.inbound.clear();
    this.#host.waiting.end(connection);
  }

  #route(session: ClientSession, text: unknown): void | Promise<void> {
    const command = session.connection.protocol.decode(text as string, jsonParser) as Command;
    if (command.kind === 'subscribe') return this.#router.subscribe(session, command);
    this.#router.unsubscribe(session, command);
    return undefined;
  }

  /** Every name is a topic, but for presences, which are none of the application's. */
  readonly #find = (name: string): unknown => (subjectOf(name) === undefined ? this.#found(name) : undefined);

  readonly #found = (name: string): unknown => ({
    pattern: { text: name, paramsOf: () => ({}) },
    route: {
      handle: (ws: ClientSession['socket'], { held }: { held?: boolean }, invocation: Invocation) => {
        invocation.called?.();
        return this.#method(sessionOf(ws)!.connection, name, held);
      },
    },
  });
}

/** Answers that let every error through but a refusal: here it would be a mistake of the library. */
class Refuser extends Answers {
  override fail(...[session, id, error, topic]: Parameters<Answers['fail']>): void {
    if (!(error instanceof Refusal)) throw error;
    super.fail(session, id, error, topic);
  }
}

function policyOf({ history, slow, conflate, every, presence }: TopicSpec): TopicPolicy {
  const keyOf = { latest: () => 0, key: ({ key }: { key: string }) => key };
  return {
    history,
    slow,
    keyOf: conflate === undefined ? undefined : keyOf[conflate],
    every,
    presence: presence && { info: undefined, ...presence },
  };
}

const PROTOCOLS = new Protocols();

function protocolOf({ format, deflate }: ClientSpec): Protocol {
  const protocol = PROTOCOLS.of(format === 'plain' ? '' : 'fanout.v1.json', '/');
  return deflate ? PROTOCOLS.deflated(protocol) : protocol;
}
