import { setTimeout as sleep } from 'node:timers/promises';
import { CPU_A_DELIVERY, DELIVERY_COLUMNS } from '../measure/columns.mjs';
import { figures } from '../measure/figures.mjs';
import { leftBehind } from '../measure/left-behind.mjs';
import { measure, start } from '../measure/pair.mjs';
import { median } from '../median.mjs';
import { thousands } from '../format.mjs';

const CLOSE_TIMEOUT_MS = 30_000;
const MIB = 2 ** 20;

/** Many connections for a while: nothing lost, nothing out of order, no memory kept, every buffer given back. */
export const shape = {
  name: 'soak',
  title: 'Soak: does it lose or keep anything?',
  peers: ['fanout'],
  sizes: {
    full: { connections: 10_000, perSecond: 100, seconds: 20, repeats: 1 },
    quick: { connections: 2000, perSecond: 100, seconds: 5, repeats: 1 },
  },
  figure: CPU_A_DELIVERY,

  async run(peer, { connections, perSecond, seconds }, { pinned, options }) {
    const subprotocol = options.batched ? 'fanout.v1.json' : undefined;
    const pair = await start(peer, { pinned, audience: { connections, subprotocol } });
    try {
      const samples = [];
      const sampling = sampleMemory(pair.server, samples);
      const load = {
        perTopic: 1,
        intervalMs: 1000 / perSecond,
        minTurns: seconds * perSecond,
        catchUp: true,
      };
      const result = await measure(pair, load, { loadTimeoutMs: seconds * 3000 + 10_000 });
      await sampling.stop();
      await pair.client.call('close', {}, CLOSE_TIMEOUT_MS);
      // Counted again with every connection at its end: a message that came twice may have been the last one.
      const { lastSeq } = result.published;
      const { wireBytes } = result.arrived;
      result.arrived = { ...(await pair.client.call('wait', { lastSeq, timeoutMs: 0 })), wireBytes };
      return [
        {
          case: `${thousands(connections)} connections, ${perSecond} a second`,
          ...figures(result, pair.audience),
          ...pair.memory,
          ...(await leftBehind(pair.server)),
          ...growth(samples, seconds),
        },
      ];
    } finally {
      await pair.stop();
    }
  },

  columns: [
    // Its loop is blocked by the collections before each reading of the memory; writes are not counted.
    ...DELIVERY_COLUMNS.filter(([title]) => !['block ms', 'writes/conn', 'encodes/pub'].includes(title)),
    ['heap grew', row => mebibytes(row.heapGrowth)],
    ['RSS grew', row => mebibytes(row.rssGrowth)],
  ],
  targets: [
    {
      case: /./,
      name: 'buffers in use when all clients are gone',
      value: row => row.buffersInUse,
      exactly: 0,
      gate: 0,
    },
    { case: /./, name: 'connections left', value: row => row.connectionsLeft, exactly: 0, gate: 0 },
    // A leak of one small object a delivery would be gigabytes.
    { case: /./, name: 'heap growth, MiB', value: row => row.heapGrowth / MIB, atMost: 8, gate: 16 },
    { case: /./, name: 'resident growth, MiB', value: row => row.rssGrowth / MIB, atMost: 32, gate: 64 },
  ],
};

/** Once a second until stopped. An error of the server is the load's to report, so it only ends the sampling here. */
function sampleMemory(server, samples) {
  const stopping = new AbortController();
  const done = (async () => {
    const from = performance.now();
    for (;;) {
      const sample = await server.call('memory');
      samples.push({ ...sample, second: Math.round((performance.now() - from) / 1000) });
      await sleep(1000, undefined, { signal: stopping.signal });
    }
  })().catch(() => {});
  return {
    stop() {
      stopping.abort();
      return done;
    },
  };
}

/**
 * Flat means: the last samples are no higher than those right after the start-up, but for the noise of an allocator.
 * Medians of three, as one sample may fall into a burst; with fewer than two times three there is nothing to compare.
 */
function growth(samples, seconds) {
  const settled = samples.filter(sample => sample.second >= Math.min(5, seconds / 2));
  const of = name => {
    const values = settled.map(sample => sample[name]);
    return values.length < 6 ? undefined : median(values.slice(-3)) - median(values.slice(0, 3));
  };
  return { rssGrowth: of('rss'), heapGrowth: of('heapUsed') };
}

function mebibytes(bytes) {
  return bytes === undefined ? 'too short' : `${(bytes / MIB).toFixed(1)} MiB`;
}
