import { setTimeout as sleep } from 'node:timers/promises';
import { kilobytes, percent, thousands } from '../format.mjs';
import { kept, perConnection, spentOn, startCrowd } from '../measure/crowd.mjs';

/**
 * (g) Connections that say nothing. Ours have a subscription and the heartbeat with its defaults, 10 s; those of the
 * peers have neither.
 */
export const shape = {
  name: 'idle',
  title: 'Idle connections: memory, and the CPU time of the heartbeat',
  peers: ['fanout', 'nest', 'ws'],
  sizes: {
    full: { connections: 15_000, warmUp: 500, idleMs: 20_000, repeats: 2 },
    quick: { connections: 10_000, warmUp: 500, idleMs: 1000, repeats: 1, peers: ['fanout', 'nest'] },
  },
  figure: { name: 'heapPerConnection', better: 'lower', label: 'heap, bytes/connection' },

  async run(peer, { connections, warmUp, idleMs }, { pinned }) {
    const crowd = await startCrowd(peer, { pinned, warmUp });
    try {
      const before = await kept(crowd.server);
      await crowd.connect({ count: connections, subscribe: peer === 'fanout' });
      const after = await kept(crowd.server);
      const started = await crowd.client.call('state');
      const { server, client } = await spentOn(crowd, () => sleep(idleMs));
      const { pings, failures, firstFailure } = await crowd.client.call('state');
      return [
        {
          case: `${thousands(connections)} connections`,
          ...perConnection(before, after, connections),
          serverShare: server.share,
          kernelShare: server.kernel,
          clientShare: client.share,
          pingsPerSecond: (pings - started.pings) / (idleMs / 1000),
          lost: 0,
          failures,
          firstFailure,
        },
      ];
    } finally {
      await crowd.stop();
    }
  },

  columns: [
    ['RSS/conn', row => kilobytes(row.rssPerConnection)],
    ['server', row => percent(row.serverShare, 1)],
    ['kernel', row => percent(row.kernelShare)],
    ['pings/s', row => thousands(row.pingsPerSecond)],
    ['client', row => percent(row.clientShare, 1)],
  ],
  targets: [
    {
      case: /./,
      name: 'bytes of heap a connection',
      value: row => row.heapPerConnection,
      atMost: 3600,
      gate: 4200,
    },
    {
      case: '15,000 connections',
      name: 'percent of a core while idle',
      value: row => row.serverShare * 100,
      atMost: 4,
      gate: 8,
    },
    { case: /./, against: 'nest', ratio: 2.5, gate: 2 },
  ],
};
