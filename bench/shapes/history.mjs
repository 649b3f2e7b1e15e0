import { percent, thousands, times } from '../format.mjs';
import { CPU_A_DELIVERY } from '../measure/columns.mjs';
import { inTurns } from '../measure/in-turns.mjs';
import { start } from '../measure/pair.mjs';

const WITH = 'fanout';
const WITHOUT = 'no-history';
const PEERS = [WITH, WITHOUT];
const TOPIC_OPTIONS = { [WITH]: { history: 100, slow: 'catch-up' }, [WITHOUT]: {} };
const SUBSCRIBERS_OF_MANY = 5; // of each of many topics: little is shared there, so that what is kept counts most

/** Both are measured together, for whichever is asked for first in a repeat. */
let measured = { repeat: -1 };

/** What it costs that topics remember: the same load on topics with history and without, in turns. */
export const shape = {
  name: 'history',
  title: 'Topics that remember their last 100 publications, and topics that remember nothing',
  peers: PEERS,
  sizes: {
    full: {
      connections: 2000,
      perTopic: [1, 10, 100],
      manyTopics: 1000,
      sliceMs: 240,
      slices: 20,
      repeats: 5,
    },
    quick: { connections: 1000, perTopic: [10], sliceMs: 120, slices: 8, repeats: 1 },
  },
  figure: CPU_A_DELIVERY,

  async run(peer, size, { pinned, repeat }) {
    if (measured.repeat !== repeat) measured = { repeat, rows: await both(size, { pinned }) };
    return measured.rows[peer];
  },

  columns: [
    ['cost', row => times(row.cost)],
    ['deliveries', row => thousands(row.deliveries)],
    ['server', row => percent(row.serverShare)],
    ['kernel', row => percent(row.kernelShare)],
    ['GC', row => percent(row.gcShare, 1)],
    ['client', row => percent(row.clientShare)],
    ['lost', row => String(row.lost)],
    ['wrong', row => String(row.wrong)],
  ],
  targets: [
    // Of slices that were made one right after the other: the machine's own ups and downs are not in it.
    { case: /./, name: `cost against ${WITHOUT}`, value: row => row.cost, atMost: 1.1, gate: 1.6 },
  ],
};

async function both({ connections, perTopic, manyTopics, sliceMs, slices }, { pinned }) {
  const loads = perTopic.map(count => ({
    case: `one topic, ${thousands(connections)} × ${count}`,
    load: { perTopic: count, intervalMs: 40, sliceMs, slices }, // a flush to 2,000 takes 20 ms: a turn is a flush
  }));
  const rows = await sideBySide({ audience: { connections }, loads }, { pinned });
  if (manyTopics === undefined) return rows;
  const audience = { connections: manyTopics * SUBSCRIBERS_OF_MANY, topics: manyTopics };
  const load = { perTopic: 10, intervalMs: 150, sliceMs: 2 * sliceMs, slices };
  const many = { audience, loads: [{ case: `${thousands(manyTopics)} topics × 10`, load }] };
  const more = await sideBySide(many, { pinned });
  return Object.fromEntries(PEERS.map(peer => [peer, [...rows[peer], ...more[peer]]]));
}

/** Both servers up, each load for both. @returns the rows of each */
async function sideBySide({ audience, loads }, { pinned }) {
  const pairs = [];
  try {
    for (const peer of PEERS) {
      const env = { BENCH_TOPIC_OPTIONS: JSON.stringify(TOPIC_OPTIONS[peer]) };
      pairs.push(await start('fanout', { pinned, audience, env }));
    }
    const rows = Object.fromEntries(PEERS.map(peer => [peer, []]));
    for (const { case: name, load } of loads) {
      const figures = await inTurns(pairs, load);
      PEERS.forEach((peer, i) => rows[peer].push({ case: name, ...figures[i] }));
    }
    return rows;
  } finally {
    await Promise.all(pairs.map(pair => pair.stop()));
  }
}
