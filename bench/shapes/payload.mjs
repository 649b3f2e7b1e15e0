import { thousands } from '../format.mjs';
import { CPU_A_DELIVERY, DELIVERY_COLUMNS } from '../measure/columns.mjs';
import { deliver } from '../measure/delivery.mjs';

// The kernel copies every byte for every client, whoever sends it: 64 KiB to 1,000 clients are 64 MiB a flush. What is
// not read yet waits in the kernel, and beyond 1 MiB a connection (`slowConsumer.maxBytes`) fanout would close it.
const KINDS = [
  { name: '1 KiB', payloadBytes: 1024, most: 5000, connectionsAMs: 20 },
  { name: '64 KiB', payloadBytes: 65_536, most: 1000, connectionsAMs: 4 },
];

/** (e) Larger messages, one a flush. */
export const shape = {
  name: 'payload',
  title: 'One topic, larger messages: 1 publication a flush',
  peers: ['fanout', 'nest', 'socket.io', 'ws-once', 'ws-framed', 'net-floor', 'uws'],
  sizes: { full: { connections: 5000, forMs: 3000 } },
  figure: CPU_A_DELIVERY,

  async run(peer, { connections, forMs }, context) {
    const rows = [];
    for (const { name, payloadBytes, most, connectionsAMs } of KINDS) {
      const count = Math.min(connections, most);
      const intervalMs = Math.ceil(count / connectionsAMs);
      const loads = [{ case: `${name} to ${thousands(count)}`, perTopic: 1, intervalMs, forMs }];
      rows.push(...(await deliver(peer, { audience: { connections: count, payloadBytes }, loads }, context)));
    }
    return rows;
  },

  columns: DELIVERY_COLUMNS,
  targets: [
    { case: /./, against: 'ws-once', ratio: 1, gate: 0.8 },
    { case: /./, against: 'net-floor', atMost: 1.15 },
  ],
};
