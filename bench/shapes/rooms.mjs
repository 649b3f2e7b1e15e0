import { thousands } from '../format.mjs';
import { CPU_A_DELIVERY, DELIVERY_COLUMNS, ONE_WRITE } from '../measure/columns.mjs';
import { deliver } from '../measure/delivery.mjs';

const CONNECTIONS_A_MS = 25; // as in the shape of one topic: a turn is a flush

/** Members of each room, rooms of each connection, and rooms in all: so many that the connections fit on one machine. */
const ROOMS = [
  { members: 5, each: 1, rooms: 1000 },
  { members: 5, each: 3, rooms: 1000 },
  { members: 5, each: 20, rooms: 1000 },
  { members: 50, each: 3, rooms: 600 },
  { members: 50, each: 20, rooms: 1000 },
];

/** Rooms of 5 and of 50 members, whose members are in several: what a connection gets in a flush comes from several topics. */
export const shape = {
  name: 'rooms',
  title: 'Rooms: a publication in each room and flush, connections in 1, 3 and 20 rooms',
  peers: ['fanout', 'ws-framed', 'net-floor', 'socket.io'],
  sizes: {
    full: { rooms: ROOMS, forMs: 3000 },
    quick: {
      rooms: [{ members: 5, each: 3, rooms: 300 }],
      forMs: 400,
      peers: ['fanout', 'ws-framed'],
      repeats: 1,
    },
  },
  figure: CPU_A_DELIVERY,

  async run(peer, { rooms: all, forMs }, context) {
    const rows = [];
    for (const { members, each, rooms } of all) {
      const connections = Math.ceil((rooms * members) / each);
      const audience = { connections, topics: rooms, topicsPerConnection: each };
      const load = {
        case: `${thousands(rooms)} rooms of ${members}, ${each} for each of ${thousands(connections)}`,
        perTopic: 1,
        intervalMs: Math.max(50, Math.ceil(connections / CONNECTIONS_A_MS)),
        forMs,
      };
      rows.push(...(await deliver(peer, { audience, loads: [load] }, context)));
    }
    return rows;
  },

  columns: DELIVERY_COLUMNS,
  targets: [{ case: /./, against: 'ws-framed', atMost: 1, gate: 1.6 }, ONE_WRITE],
};
