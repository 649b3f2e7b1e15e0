import { CPU_A_DELIVERY, DELIVERY_COLUMNS, ONE_WRITE } from '../measure/columns.mjs';
import { deliver } from '../measure/delivery.mjs';

const SUBSCRIBERS = 5; // of each topic
const CONNECTIONS_A_MS = 25; // as in the shape of one topic: a turn is a flush

/** (b) Many small topics: what is shared by a topic's subscribers is shared by five. */
export const shape = {
  name: 'many-topics',
  title: `Many topics of ${SUBSCRIBERS} subscribers: 1 and 10 publications a topic and flush`,
  peers: ['fanout', 'nest', 'socket.io', 'ws-once', 'net-floor', 'uws'],
  sizes: {
    full: { connections: 5000, perTopic: [1, 10], forMs: 3000 },
    quick: {
      connections: 1000,
      perTopic: [1, 10],
      forMs: 400,
      peers: ['fanout', 'socket.io'],
      repeats: 1,
    },
  },
  figure: CPU_A_DELIVERY,

  run(peer, { connections, perTopic, forMs }, context) {
    const topics = Math.ceil(connections / SUBSCRIBERS);
    const loads = perTopic.map(count => ({
      case: `${topics} topics × ${count}`,
      perTopic: count,
      intervalMs: Math.ceil(connections / CONNECTIONS_A_MS),
      forMs,
    }));
    return deliver(peer, { audience: { connections, topics }, loads }, context);
  },

  columns: DELIVERY_COLUMNS,
  targets: [
    { case: /× 1$/, against: 'socket.io', ratio: 1.3, gate: 0.8 },
    { case: /× 10$/, against: 'socket.io', ratio: 5, gate: 2.5 },
    ONE_WRITE,
  ],
};
