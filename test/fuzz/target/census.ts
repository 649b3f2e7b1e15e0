import type { Server } from 'node:http';
import type { ModulesContainer } from '@nestjs/core';
import type { Broadcaster, BufferPool, Connections } from '../../../lib/index.js';
import type { Delivery } from '../../../lib/broadcast/delivery.js';
import type { HeartbeatMonitor } from '../../../lib/heartbeat/heartbeat-monitor.js';
import type { MessageRouter } from '../../../lib/gateway/messages/message-router.js';

/** What attackers must not leave behind. */
export interface Census {
  readonly connections: number;
  readonly sockets: number;
  readonly heartbeats: number;
  /** Messages whose handler is running. */
  readonly handling: number;
  readonly subscriptions: number;
  readonly topics: number;
  readonly unsentBytes: number;
  /** Bytes kept for those who are behind. */
  readonly backlogBytes: number;
  readonly buffersInUse: number;
  /** On the server and the process. */
  readonly listeners: number;
}

interface Counted {
  readonly server: Server;
  readonly connections: Connections;
  readonly broadcaster: Broadcaster;
  readonly pool: BufferPool;
  readonly modules: ModulesContainer;
}

/** What has no public door is found in the module: the census must see it all. */
interface Runtime {
  readonly delivery: Delivery;
  readonly heartbeat: HeartbeatMonitor;
  readonly router: MessageRouter;
}

export function census({ server, connections, broadcaster, pool, modules }: Counted): () => Promise<Census> {
  const { delivery, heartbeat, router } = runtimeIn(modules);
  return async () => {
    const topics = [...delivery.topics];
    return {
      connections: connections.size,
      sockets: await socketsOf(server),
      heartbeats: heartbeat.size,
      handling: router.active,
      subscriptions: topics.reduce((sum, { name }) => sum + broadcaster.subscribers(name), 0),
      topics: topics.length,
      unsentBytes: [...connections].reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0),
      backlogBytes: delivery.backlog.used,
      buffersInUse: pool.stats().inUse,
      listeners: listenersOf(server) + listenersOf(process),
    };
  };
}

function runtimeIn(modules: ModulesContainer): Runtime {
  for (const { providers } of modules.values()) {
    for (const [token, { instance }] of providers)
      if (typeof token === 'symbol' && token.description === 'fanout:runtime') return instance as Runtime;
  }
  throw new Error('FanoutModule keeps its parts elsewhere now');
}

function socketsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}

function listenersOf(emitter: Pick<Server, 'eventNames' | 'listenerCount'>): number {
  return emitter.eventNames().reduce((sum, event) => sum + emitter.listenerCount(event), 0);
}
