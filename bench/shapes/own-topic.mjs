import { thousands } from '../format.mjs';
import { CPU_A_DELIVERY, DELIVERY_COLUMNS, USER_A_DELIVERY } from '../measure/columns.mjs';
import { deliver } from '../measure/delivery.mjs';

const CONNECTIONS_A_MS = 25; // as in the shape of one topic: a turn is a flush

/** (c) A topic for each connection: nothing can be shared but the memory of small batches. */
export const shape = {
  name: 'own-topic',
  title: 'A topic for each connection: a publication for every second topic in each flush, and 5 for each',
  peers: ['fanout', 'ws-framed', 'nest', 'socket.io', 'net-floor', 'uws'],
  sizes: {
    full: { connections: [5000, 2000], forMs: 3000 },
    quick: { connections: [1000, 500], forMs: 400, peers: ['fanout', 'ws-framed'], repeats: 1 },
  },
  figure: CPU_A_DELIVERY,

  async run(peer, { connections: [many, few], forMs }, context) {
    const load = (connections, more) => ({
      intervalMs: Math.ceil(connections / CONNECTIONS_A_MS),
      forMs,
      ...more,
    });
    const half = { case: `${thousands(many)} topics × 0.5`, perTopic: 1, topicsPerTurn: many / 2 };
    const five = { case: `${thousands(few)} topics × 5`, perTopic: 5 };
    return [
      ...(await deliver(
        peer,
        { audience: { connections: many, topics: many }, loads: [load(many, half)] },
        context,
      )),
      ...(await deliver(
        peer,
        { audience: { connections: few, topics: few }, loads: [load(few, five)] },
        context,
      )),
    ];
  },

  columns: DELIVERY_COLUMNS,
  targets: [
    { case: /× 0.5$/, against: 'ws-framed', atMost: 1.1, gate: 1.6 },
    {
      case: /× 0.5$/,
      name: 'user time',
      against: 'ws-framed',
      figure: USER_A_DELIVERY,
      atMost: 1.21,
      gate: 2,
    },
    { case: /× 5$/, against: 'ws-framed', atMost: 0.6, gate: 1 },
    {
      case: /× 5$/,
      name: 'user time',
      against: 'ws-framed',
      figure: USER_A_DELIVERY,
      atMost: 0.56,
      gate: 1.2,
    },
    writes(/× 0.5$/, 0.5),
    writes(/× 5$/, 1),
    {
      case: /./,
      name: 'slabs of the pool a publication',
      value: row => row.slabsPerPublication,
      atMost: 0.15,
      gate: 0.2,
    },
  ],
};

function writes(loads, exactly) {
  return {
    case: loads,
    name: 'socket writes a connection and flush',
    value: row => row.writesPerConnection,
    exactly,
    gate: exactly,
  };
}
