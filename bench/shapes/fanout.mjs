import { thousands } from '../format.mjs';
import { CPU_A_DELIVERY, DELIVERY_COLUMNS, ONE_WRITE } from '../measure/columns.mjs';
import { deliver } from '../measure/delivery.mjs';

// A flush to 5,000 sockets takes about 50 ms, and fanout lets flushing take half of the loop before it gathers more in
// each. Turns 200 ms apart stay well clear of that, so a turn is a flush; otherwise its figures would be too good.
// The same share of the server's time for one flush, whatever the number of sockets.
const CONNECTIONS_A_MS = 25;
const MANY = 10_000; // connections above which only these are measured: a turn of a loop takes 20 s
const WITH_MANY = ['fanout', 'ws-once', 'net-floor'];
const WITH_MANY_AND_BATCHES = ['fanout', 'net-floor'];

/** (a) One topic: what does one more delivery cost the server? */
export const shape = {
  name: 'fanout',
  title: 'One topic, everyone subscribed: 1, 10 and 100 publications a flush',
  peers: ['fanout', 'nest', 'socket.io', 'ws-once', 'ws-framed', 'net-floor', 'uws'],
  sizes: {
    full: { connections: [1000, 5000, 15_000], perTopic: [1, 10, 100], forMs: 3000 },
    // Of fewer sockets more stays in the processor's caches, which favours the loops: ratios are lower than in full.
    quick: {
      connections: [2000],
      perTopic: [1, 10, 100],
      forMs: 500,
      peers: ['fanout', 'nest', 'ws-once', 'net-floor'],
      repeats: 2,
    },
  },
  figure: CPU_A_DELIVERY,

  async run(peer, { connections: counts, perTopic, forMs }, context) {
    const rows = [];
    for (const connections of counts) {
      if (connections > MANY && !WITH_MANY.includes(peer)) continue;
      const batches = connections <= MANY || WITH_MANY_AND_BATCHES.includes(peer);
      const loads = perTopic
        .filter(count => count < 100 || batches)
        .map(count => ({
          case: caseOf(connections, count),
          perTopic: count,
          intervalMs: Math.max(5, Math.ceil(connections / CONNECTIONS_A_MS)),
          forMs,
        }));
      rows.push(...(await deliver(peer, { audience: { connections }, loads }, context)));
    }
    return rows;
  },

  columns: DELIVERY_COLUMNS,
  targets: [
    { case: /× 100$/, against: 'nest', ratio: 80, gate: 25 },
    { case: /× 100$/, against: 'socket.io', ratio: 80 },
    { case: /× 100$/, against: 'net-floor', atMost: 1.15, gate: 2.5 },
    { case: /× 10$/, against: 'nest', ratio: 12, gate: 6 },
    { case: /× 10$/, against: 'net-floor', atMost: 1.2, gate: 2.2 },
    { case: /× 1$/, against: 'nest', ratio: 1.25, gate: 0.8 },
    { case: /× 1$/, against: 'socket.io', ratio: 1.35 },
    { case: /× 1$/, against: 'ws-once', ratio: 1.05, gate: 0.7 },
    { case: /× 1$/, against: 'net-floor', atMost: 1.15, gate: 1.8 },
    ONE_WRITE,
    ...[1, 10, 100].map(count => ({
      case: caseOf(15_000, count),
      name: 'cost at 15,000 over that at 1,000',
      value: (row, at) => row.usPerDelivery / at('fanout', caseOf(1000, count))?.usPerDelivery,
      atMost: 1.25,
    })),
  ],
};

function caseOf(connections, count) {
  return `${thousands(connections)} × ${count}`;
}
