import { ConnectionRegistry } from '../../../lib/connection/connection-registry.js';
import { Handshake } from '../../../lib/connection/handshake.js';
import { type ConnectionHost, SocketConnection } from '../../../lib/connection/socket-connection.js';
import { TurnWrites } from '../../../lib/connection/turn-writes.js';
import { FanOut } from '../../../lib/broadcast/fan-out.js';
import { FlushScheduler, type FlushTiming } from '../../../lib/broadcast/flush-scheduler.js';
import { TopicWalk } from '../../../lib/broadcast/topic-walk.js';
import { TopicBroadcaster } from '../../../lib/broadcast/topic-broadcaster.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { TopicRegistry } from '../../../lib/topic/topic-registry.js';
import type { Subscription } from '../../../lib/topic/topic.js';
import { formatOf } from '../../../lib/wire/json-format.js';
import { FakeSocket, FakeWebSocket } from './fake-socket.js';
import { HandClock } from './hand-clock.js';

export const TIMING: FlushTiming = {
  maxDelay: 50,
  maxBytes: 65536,
  utilisation: 0.5,
  slice: 8,
  window: undefined,
};

/** A connection of the core on a fake socket. */
export interface Peer {
  readonly connection: SocketConnection<Subscription>;
  readonly socket: FakeSocket;
  readonly ws: FakeWebSocket;
}

export interface CoreOptions {
  readonly timing?: Partial<FlushTiming>;
  readonly maxUnsentBytes?: number;
  readonly maxPayload?: number;
  readonly historyOf?: (name: string) => number;
}

/** The real core (topics, fan-out, scheduler, broadcaster, connections) on a clock and sockets that a test holds. */
export class Core {
  readonly clock = new HandClock();
  readonly pool = new BufferPool();
  readonly fanOut = new FanOut(this.pool, { threshold: 100, level: 1 });
  readonly connections = new ConnectionRegistry();
  /** Names of the topics whose last subscriber left. */
  readonly vacated: string[] = [];
  readonly topics: TopicRegistry;
  readonly scheduler: FlushScheduler;
  readonly broadcaster: TopicBroadcaster;
  readonly #host: ConnectionHost;

  constructor({ timing, maxUnsentBytes = 1_048_576, maxPayload = 1_048_576, historyOf }: CoreOptions = {}) {
    const policies = { historyOf: (name: string) => ({ size: historyOf?.(name) ?? 0 }) };
    this.topics = new TopicRegistry(policies, this.clock, topic => this.vacated.push(topic.name));
    this.scheduler = new FlushScheduler(
      new TopicWalk(this.fanOut.encode, this.clock.now.bind(this.clock)),
      { ...TIMING, ...timing },
      this.clock,
    );
    this.broadcaster = new TopicBroadcaster(
      this.topics,
      this.scheduler,
      this.fanOut,
      this.connections,
      maxPayload,
    );
    this.#host = {
      turnWrites: new TurnWrites(this.clock.setImmediate),
      maxUnsentBytes,
      subscribe: (connection, name) => {
        const fresh = !connection.subscriptions.has(name);
        this.activate(this.topics.hold(connection, name));
        return fresh;
      },
      unsubscribe: (connection, name) => {
        const subscription = connection.subscriptions.get(name) as Subscription | undefined;
        if (subscription !== undefined) this.topics.leave(subscription);
        return subscription !== undefined;
      },
      userChanged: this.connections.userChanged.bind(this.connections),
      finishing: connection => {
        for (const subscription of connection.subscriptions.values())
          this.fanOut.finish(subscription as Subscription);
      },
      closing: this.topics.leaveAll.bind(this.topics),
    };
  }

  connect(protocol = '', format = formatOf(protocol)): Peer {
    const socket = new FakeSocket();
    const ws = new FakeWebSocket(protocol);
    const handshake = new Handshake('/', '127.0.0.1', {});
    const connection = new SocketConnection<Subscription>(ws as never, socket, handshake, this.#host, format);
    this.connections.add(connection);
    return { connection, socket, ws };
  }

  /** What the gateway does once a client has its answer. */
  activate(subscription: Subscription): void {
    if (!subscription.held) return;
    subscription.topic.activate(subscription);
    this.fanOut.catchUp(subscription);
    (subscription.subscriber as unknown as SocketConnection).requestWrite();
  }

  /** What the gateway does when a socket has closed. */
  disconnect({ connection, socket, ws }: Peer): void {
    ws.readyState = 3;
    socket.destroy();
    this.topics.leaveAll(connection);
    connection.sink.end();
    this.connections.delete(connection);
    socket.reportLost();
  }
}
