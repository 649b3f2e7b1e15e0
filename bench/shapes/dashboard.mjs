import { thousands } from '../format.mjs';
import { CPU_A_DELIVERY, DELIVERY_COLUMNS, ONE_WRITE } from '../measure/columns.mjs';
import { deliver } from '../measure/delivery.mjs';

/** (d) Dashboards: connections on the same topics share what they get in a flush, others do not; both get one write. */
export const shape = {
  name: 'dashboard',
  title:
    'Each connection on the same 20 topics, 1 and 5 publications a topic and flush; and on 20 of 200 topics',
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

  async run(peer, { connections, intervalMs, forMs }, context) {
    const on = (topics, ...counts) => ({
      audience: { connections, topics, topicsPerConnection: 20 },
      loads: counts.map(perTopic => ({
        case: caseOf(connections, topics, perTopic),
        perTopic,
        intervalMs,
        forMs,
      })),
    });
    return [...(await deliver(peer, on(20, 1, 5), context)), ...(await deliver(peer, on(200, 5), context))];
  },

  columns: DELIVERY_COLUMNS,
  targets: [
    ONE_WRITE,
    // Both ways to write separately: each message, and each topic. The second is the one to beat.
    { case: /./, against: 'ws-framed', ratio: 8, gate: 4 },
    // The quick run, with a quarter of the connections, gets 3.2 to 3.7, and 2.3 was seen on a machine that was not idle.
    { case: /./, against: 'ws-batched', ratio: 8, gate: 2 },
    { case: /./, against: 'net-floor', atMost: 1.5, gate: 2.5 },
    // The buffer of all that a connection got is made once for all connections with the same topics.
    {
      case: / the same /,
      name: 'slabs of the pool a connection and flush',
      value: row => (row.slabsPerPublication * row.publications) / row.turns / row.connections,
      atMost: 0.1,
      gate: 0.2,
    },
  ],
};

function caseOf(connections, topics, perTopic) {
  const which = topics === 20 ? 'the same 20 topics' : `20 of ${topics} topics`;
  return `${thousands(connections)} connections on ${which} × ${perTopic}`;
}
