import { median } from '../median.mjs';
import { faults } from './figures.mjs';
import { measure } from './pair.mjs';

const LOAD_TIMEOUT_MS = 60_000;
const WARM_UP_SLICES = 2;

/**
 * The same load for several servers that are up at the same time, in short slices that take turns: whatever else the
 * machine does falls on all of them alike, so that differences of a few per cent can be told.
 *
 * @param {Awaited<ReturnType<typeof import('./pair.mjs').start>>[]} pairs
 * @param {{ perTopic: number, intervalMs: number, sliceMs: number, slices: number }} load
 * @returns for each pair the figures of its median slice, and `cost`, the median of what its slices cost against those
 *   of the last pair right before or after them
 */
export async function inTurns(pairs, { perTopic, intervalMs, sliceMs, slices }) {
  const results = pairs.map(() => []);
  for (let slice = 0; slice < slices + WARM_UP_SLICES; slice++) {
    // Another one begins each time, or one would always find what the other has left in the caches.
    for (let i = 0; i < pairs.length; i++) {
      const at = (slice + i) % pairs.length;
      const load = { perTopic, intervalMs, forMs: sliceMs };
      results[at].push(await measure(pairs[at], load, { loadTimeoutMs: LOAD_TIMEOUT_MS }));
    }
  }
  const rows = pairs.map((pair, i) => together(results[i], pair.audience));
  const { costs } = rows.at(-1);
  return rows.map(row => ({
    ...row,
    cost: median(row.costs.map((cost, i) => cost / costs[i])),
    costs: undefined,
  }));
}

function together(results, { connections, topics, topicsPerConnection }) {
  const counted = results.slice(WARM_UP_SLICES);
  const of = value => median(counted.map(value));
  const deliveries = ({ published }) => (published.messages / topics) * topicsPerConnection * connections;
  const all = results.map(result => faults(result));
  const costs = counted.map(result => result.server.cpu / deliveries(result));
  return {
    costs,
    usPerDelivery: median(costs),
    deliveries: counted.reduce((sum, result) => sum + deliveries(result), 0),
    serverShare: of(({ server }) => server.share),
    kernelShare: of(({ server }) => server.kernel),
    gcShare: of(({ server }) => server.gcShare),
    clientShare: of(({ client }) => client.share),
    lost: all.reduce((sum, { lost }) => sum + lost, 0),
    wrong: all.reduce((sum, { wrong }) => sum + wrong, 0),
    failures: results.at(-1).arrived.failures,
    firstFailure: results.at(-1).arrived.firstFailure,
  };
}
