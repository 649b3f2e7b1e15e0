import { thousands } from '../format.mjs';
import { CPU_A_DELIVERY, DELIVERY_COLUMNS, ONE_WRITE } from '../measure/columns.mjs';
import { deliver } from '../measure/delivery.mjs';

/** (d) Each connection has some of many topics: their batches differ from client to client, and still leave in one write. */
export const shape = {
  name: 'dashboard',
  title: 'Each connection on 20 of 200 topics, 5 publications a topic and flush',
  peers: ['fanout', 'ws-framed', 'ws-batched', 'net-floor', 'nest', 'socket.io', 'uws'],
  sizes: {
    full: { connections: 2000, intervalMs: 200, forMs: 3000 },
    quick: {
      connections: 500,
      intervalMs: 50,
      forMs: 600,
      peers: ['fanout', 'ws-batched', 'net-floor'],
      repeats: 1,
    },
  },
  figure: CPU_A_DELIVERY,

  run(peer, { connections, intervalMs, forMs }, context) {
    const audience = { connections, topics: 200, topicsPerConnection: 20 };
    const loads = [
      { case: `${thousands(connections)} connections × 20 topics × 5`, perTopic: 5, intervalMs, forMs },
    ];
    return deliver(peer, { audience, loads }, context);
  },

  columns: DELIVERY_COLUMNS,
  targets: [
    ONE_WRITE,
    // Both ways to write separately: each message, and each topic. The second is the one to beat.
    { case: /./, against: 'ws-framed', ratio: 8, gate: 4 },
    // The quick run, with a quarter of the connections, gets 3.2 to 3.7, and 2.3 was seen on a machine that was not idle.
    { case: /./, against: 'ws-batched', ratio: 8, gate: 2 },
    { case: /./, against: 'net-floor', atMost: 1.5, gate: 2.5 },
  ],
};
