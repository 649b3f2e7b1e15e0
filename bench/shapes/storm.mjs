import { kilobytes, percent, thousands } from '../format.mjs';
import { kept, perConnection, spentOn, startCrowd } from '../measure/crowd.mjs';

const CPU = { name: 'acceptsPerCpuSecond', better: 'higher' };

/** (h) Everybody comes at once, as after a restart: raw clients upgrade as fast as the server takes them. */
export const shape = {
  name: 'storm',
  title: 'A storm of connections: accepting, and what is kept of an upgrade',
  peers: ['fanout', 'nest', 'ws'],
  sizes: {
    full: { connections: 10_000, warmUp: 3000, repeats: 5 },
    quick: { connections: 4000, warmUp: 2000, repeats: 1 },
  },
  figure: { name: 'acceptsPerSecond', better: 'higher', label: 'accepts/s' },

  async run(peer, { connections, warmUp }, { pinned, options, repeat }) {
    const crowd = await startCrowd(peer, { pinned, warmUp });
    try {
      const before = await kept(crowd.server);
      const profiled = options.profile && peer === 'fanout' && repeat === 0;
      if (profiled) await crowd.server.call('startProfile');
      const { result, server, client } = await spentOn(crowd, () => crowd.connect({ count: connections }));
      if (profiled) {
        const file = new URL('../results/storm.cpuprofile', import.meta.url).pathname;
        await crowd.server.call('stopProfile', { file });
      }
      const { failures, firstFailure } = await crowd.client.call('state');
      return [
        {
          case: `${thousands(connections)} connections`,
          acceptsPerSecond: connections / (result.tookUs / 1e6),
          acceptsPerCpuSecond: connections / (server.cpu / 1e6),
          usPerAccept: server.cpu / connections,
          serverShare: server.share,
          kernelShare: server.kernel,
          clientShare: client.share,
          ...perConnection(before, await kept(crowd.server), connections),
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
    ['per CPU s', row => thousands(row.acceptsPerCpuSecond)],
    ['µs CPU/accept', row => row.usPerAccept.toFixed(1)],
    ['server', row => percent(row.serverShare)],
    ['kernel', row => percent(row.kernelShare)],
    ['client', row => percent(row.clientShare)],
    ['heap/conn', row => kilobytes(row.heapPerConnection)],
    ['RSS/conn', row => kilobytes(row.rssPerConnection)],
  ],
  targets: [
    { case: /./, against: 'nest', ratio: 1, gate: 0.8 },
    { case: /./, against: 'ws', ratio: 0.9, gate: 0.5 },
    { case: /./, name: 'CPU', against: 'ws', figure: CPU, ratio: 0.9, gate: 0.5 },
  ],
};
