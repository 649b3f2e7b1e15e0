import { thousands } from '../format.mjs';
import { CPU_A_DELIVERY, DELIVERY_COLUMNS, ONE_WRITE } from '../measure/columns.mjs';
import { deliver } from '../measure/delivery.mjs';

const CONNECTIONS_A_MS = 25; // as in the shape of one topic: a turn is a flush

/** (c) A topic for each connection: nothing can be shared but the write of a batch. */
export const shape = {
  name: 'own-topic',
  title: 'A topic for each connection: 1 and 10 publications a topic and flush',
  peers: ['fanout', 'nest', 'socket.io', 'ws-once', 'net-floor', 'uws'],
  sizes: { full: { connections: 10_000, perTopic: [1, 10], forMs: 3000 } },
  figure: CPU_A_DELIVERY,

  run(peer, { connections, perTopic, forMs }, context) {
    const loads = perTopic.map(count => ({
      case: `${thousands(connections)} topics × ${count}`,
      perTopic: count,
      intervalMs: Math.ceil(connections / CONNECTIONS_A_MS),
      forMs,
    }));
    return deliver(peer, { audience: { connections, topics: connections }, loads }, context);
  },

  columns: DELIVERY_COLUMNS,
  targets: [
    { case: /× 1$/, against: 'socket.io', ratio: 1.3, gate: 0.9 },
    { case: /× 10$/, against: 'socket.io', ratio: 5, gate: 2.5 },
    ONE_WRITE,
  ],
};
