import { ConnectionRegistry } from '../../../lib/connection/connection-registry.js';
import { Handshake } from '../../../lib/connection/handshake.js';
import { type ConnectionDeps, SocketConnection } from '../../../lib/connection/socket-connection.js';
import { FirstGrants } from '../../../lib/connection/first-grants.js';
import { flightTimeOf } from '../../../lib/connection/flight-time.js';
import { webSocketKind } from '../../../lib/connection/web-socket-kind.js';
import type { Protocol } from '../../../lib/protocol/protocol.js';
import type { Transport, TransportKind, WriteSide } from '../../../lib/connection/transport.js';
import { WaitingAnswers } from '../../../lib/connection/waiting-answers.js';
import type { Resync } from '../../../lib/broadcast/catch-up.js';
import { Delivery, type DeliveryDeps } from '../../../lib/broadcast/delivery.js';
import type { BatchEncoder } from '../../../lib/broadcast/topic-batches.js';
import type { FlushScheduler, FlushTiming } from '../../../lib/broadcast/flush-scheduler.js';
import type { Presence } from '../../../lib/broadcast/presence.js';
import type { PublicationCheck, TopicBroadcaster } from '../../../lib/broadcast/topic-broadcaster.js';
import { Counters } from '../../../lib/observe/counters.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import type { Subscription } from '../../../lib/topic/subscription.js';
import type { TopicRegistry } from '../../../lib/topic/topic-registry.js';
import { Protocols } from '../../../lib/protocol/protocols.js';
import type { WireFormat } from '../../../lib/wire/wire-format.js';
import { FakeSocket, FakeWebSocket } from './fake-socket.js';
import { HandClock } from './hand-clock.js';
import { policiesOf } from './policies.js';

export const TIMING: FlushTiming = {
  maxDelay: 50,
  maxBytes: 65536,
  utilisation: 0.5,
  slice: 8,
  window: undefined,
};

const PROTOCOLS = new Protocols();

/** A connection of the core on a fake socket. */
export interface Peer {
  readonly connection: SocketConnection<Subscription>;
  readonly socket: FakeSocket;
  readonly ws: FakeWebSocket;
}

export interface CoreOptions {
  readonly timing?: Partial<FlushTiming>;
  readonly maxUnsentBytes?: number;
  readonly grace?: number;
  /** `slowConsumer.lag`; 0, which is the default here, bounds nothing. */
  readonly lag?: number;
  readonly budget?: number;
  readonly historyBudget?: number;
  readonly recoveries?: number;
  /** What `@Topic` says of a topic. */
  readonly optionsOf?: (name: string) => TopicOptions;
  /** When publications to nobody are checked. */
  readonly check?: PublicationCheck;
  /** Takes over a subscription that lost publications; false leaves it to the core. */
  readonly resync?: Resync;
  /** Path of publications; without it they stay in the process. */
  readonly pathOf?: DeliveryDeps['pathOf'];
}

/** The real core (topics, delivery, connections) on a clock and sockets that a test holds. */
export class Core {
  readonly clock = new HandClock();
  readonly pool = new BufferPool();
  readonly counters = new Counters();
  readonly connections = new ConnectionRegistry();
  /** Names of the topics whose last subscriber left. */
  readonly vacated: string[] = [];
  /** Subscriptions of which others may know, as presence is told. */
  readonly present = new Set<Subscription>();
  /** What was logged as an error, and what about. */
  readonly errors: { readonly error: any; readonly what: string }[] = [];
  readonly delivery: Delivery;
  readonly #host: ConnectionDeps;

  constructor({
    timing,
    maxUnsentBytes = 1_048_576,
    grace = 15_000,
    lag = 0,
    budget = 2 ** 30,
    historyBudget = 2 ** 30,
    recoveries = 256,
    optionsOf = () => ({}),
    resync = () => false,
    check = 'listeners',
    pathOf,
  }: CoreOptions = {}) {
    this.delivery = new Delivery({
      settings: {
        flush: { ...TIMING, ...timing },
        slowConsumer: { maxBytes: maxUnsentBytes, grace, lag, budget },
        history: { budget: historyBudget, recoveries },
        limits: { publication: maxUnsentBytes },
        compression: { threshold: 100, level: 1 },
        publishing: { check },
      },
      clock: this.clock,
      pool: this.pool,
      counters: this.counters,
      policies: policiesOf(optionsOf),
      connections: this.connections,
      pathOf,
      logger: { error: (error, what) => this.errors.push({ error, what }) },
    });
    const { backlog, catchUp, laggards, topics, presence } = this.delivery;
    topics.listen({
      vacated: topic => this.vacated.push(topic.name),
      joined: subscription => this.present.add(subscription),
      left: subscription => this.present.delete(subscription),
    });
    catchUp.resyncWith(resync);
    this.#host = {
      turnWrites: this.delivery.turnWrites,
      waiting: new WaitingAnswers(laggards),
      maxUnsentBytes,
      flightTime: flightTimeOf(lag),
      firstGrants: new FirstGrants(flightTimeOf(lag)),
      clock: this.clock,
      counters: this.counters,
      kind: webSocketKind,
      pinned: backlog.add.bind(backlog),
      drained: connection => catchUp.drained(connection.sink),
      subscribe: (connection, name) => {
        const fresh = !connection.subscriptions.has(name);
        this.activate(topics.hold(connection, name));
        return fresh;
      },
      unsubscribe: (connection, name) => {
        const subscription = connection.subscriptions.get(name) as Subscription | undefined;
        if (subscription !== undefined) topics.leave(subscription);
        return subscription !== undefined;
      },
      userChanged: connection => {
        this.connections.userChanged(connection);
        presence.userChanged(connection);
      },
      finishing: connection => {
        for (const subscription of connection.subscriptions.values() as Iterable<Subscription>) {
          this.delivery.finish(subscription);
        }
      },
      closing: topics.leaveAll.bind(topics),
    };
  }

  get topics(): TopicRegistry {
    return this.delivery.topics;
  }

  get scheduler(): FlushScheduler {
    return this.delivery.scheduler;
  }

  get fanOut(): BatchEncoder {
    return this.delivery.encoder;
  }

  get presence(): Presence {
    return this.delivery.presence;
  }

  get broadcaster(): TopicBroadcaster {
    return this.delivery.broadcaster;
  }

  /** @param format that of the subprotocol by default */
  connect(subprotocol = '', format?: WireFormat, url = '/', ours = PROTOCOLS.of(subprotocol, url)): Peer {
    const socket = new FakeSocket();
    const ws = new FakeWebSocket(subprotocol);
    const handshake = new Handshake(url, '127.0.0.1', {});
    const protocol = format === undefined ? ours : ours.withFormat(format);
    const connection = new SocketConnection<Subscription>(
      ws as never,
      socket,
      handshake,
      this.#host,
      protocol,
    );
    this.connections.add(connection);
    return { connection, socket, ws };
  }

  /** A connection without pings, over a transport of the test. */
  attach(
    transport: Transport,
    output: WriteSide,
    kind: TransportKind,
    protocol: Protocol,
  ): SocketConnection<Subscription> {
    const handshake = new Handshake('/', '127.0.0.1', {});
    const deps = { ...this.#host, kind, flightTime: Infinity, firstGrants: new FirstGrants(Infinity) };
    const connection = new SocketConnection<Subscription>(transport, output, handshake, deps, protocol);
    this.connections.add(connection);
    return connection;
  }

  /** What the gateway does once a client has its answer. */
  activate(subscription: Subscription): void {
    if (subscription.served) return;
    this.delivery.catchUp.join(subscription);
    this.#answered(subscription);
  }

  /** What the gateway does once a client that comes back with a position has its answer. */
  recover(subscription: Subscription): void {
    this.delivery.catchUp.recover(subscription);
    this.#answered(subscription);
  }

  #answered(subscription: Subscription): void {
    this.topics.answered(subscription);
    (subscription.subscriber as unknown as SocketConnection).requestWrite();
  }

  /** What the gateway does when a socket has closed. */
  disconnect({ connection, socket, ws }: Peer): void {
    ws.readyState = 3;
    socket.destroy();
    this.topics.leaveAll(connection);
    connection.sink.end();
    this.#host.waiting.end(connection);
    this.connections.delete(connection);
    socket.reportLost();
  }
}
