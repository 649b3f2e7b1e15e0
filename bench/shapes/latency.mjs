import { thousands } from '../format.mjs';
import { figures } from '../measure/figures.mjs';
import { measure, start } from '../measure/pair.mjs';
import { OURS } from '../measure/delivery.mjs';
import { DELIVERY_COLUMNS } from '../measure/columns.mjs';

const CONTROL = 'ws-once';
const SHARES = [0.3, 0.9]; // of the rate at which the control is saturated
const MAX_DELAY_MS = 50; // flush.maxDelay
const SATURATE_MS = 2000;
const WARM_UP_MS = 1000;
const WARM_UP_TURNS = 5;
const BLOCK = { connections: 15_000, intervalMs: 500 }; // a flush of 15,000 takes about 150 ms
const LOAD_TIMEOUT_MS = 60_000;

/** What the control can publish to so many connections, a second; measured anew in each repeat. */
const saturating = new Map();

/** How long a message is under way: to few, to many, and with the loop's longest block at very many. */
export const shape = {
  name: 'latency',
  title: 'From publishing to read, p99: at 30 % and 90 % of the rate that saturates stringify-once',
  peers: [OURS, CONTROL],
  sizes: { full: { connections: [1000, 5000], forMs: 5000 } },
  figure: { name: 'p99', better: 'lower', label: 'p99 ms', digits: 1 },

  async run(peer, { connections: counts, forMs }, context) {
    const rows = [];
    for (const connections of counts) rows.push(...(await underLoad(peer, connections, forMs, context)));
    if (peer === OURS) rows.push(await longestBlock(context));
    return rows;
  },

  columns: [
    ['publications/s', row => row.rate.toFixed(1)],
    ['a flush', row => row.turnsPerFlush?.toFixed(1)],
    ...DELIVERY_COLUMNS.filter(([title]) => !['p99', 'writes/conn', 'encodes/pub'].includes(title)),
  ],
  targets: [
    { case: /at 30 %$/, against: CONTROL, atMost: 1.3, name: 'p99' },
    {
      case: /at 90 %$/,
      name: 'p99 over 50 ms and 1.2 × the time of a whole flush',
      value: (row, at) =>
        row.p99 / (MAX_DELAY_MS + 1.2 * wholeFlushMs(at(OURS, row.case.replace('90', '30')))),
      atMost: 1,
    },
    { case: /block/, name: 'longest block of the loop, ms', value: row => row.flushBlockMs, atMost: 15 },
  ],
};

/** At 30 % each flush has one publication. */
function wholeFlushMs({ connections, usPerDelivery }) {
  return (connections * usPerDelivery) / 1000;
}

async function underLoad(peer, connections, forMs, context) {
  const most = await saturatingRate(connections, context);
  const pair = await start(peer, { pinned: context.pinned, audience: { connections } });
  try {
    const rows = [];
    for (const share of SHARES) {
      const name = `${thousands(connections)} connections at ${share * 100} %`;
      rows.push({ case: name, ...(await spread(pair, 1000 / (share * most), forMs)) });
    }
    return rows;
  } finally {
    await pair.stop();
  }
}

/** One publication at a time, evenly in time, whatever the server makes of it. */
async function spread(pair, intervalMs, forMs) {
  const load = { perTopic: 1, intervalMs, catchUp: true };
  const timeout = { loadTimeoutMs: LOAD_TIMEOUT_MS };
  await measure(pair, { ...load, minTurns: WARM_UP_TURNS }, timeout);
  await pair.server.call('startLoopWatch');
  const result = await measure(pair, { ...load, forMs }, timeout);
  const { longestBlockMs } = await pair.server.call('stopLoopWatch');
  return { ...figures(result, pair.audience), ...pair.memory, longestBlockMs, rate: 1000 / intervalMs };
}

async function saturatingRate(connections, { pinned, repeat }) {
  const known = saturating.get(connections);
  if (known?.repeat === repeat) return known.rate;
  const pair = await start(CONTROL, { pinned, audience: { connections } });
  try {
    const load = { perTopic: 1, intervalMs: 0, forMs: SATURATE_MS };
    const timeout = { loadTimeoutMs: LOAD_TIMEOUT_MS };
    await measure(pair, { ...load, forMs: WARM_UP_MS }, timeout);
    const { published } = await measure(pair, load, timeout);
    const rate = published.messages / ((published.endedAt - published.startedAt) / 1e6);
    saturating.set(connections, { repeat, rate });
    return rate;
  } finally {
    await pair.stop();
  }
}

async function longestBlock({ pinned }) {
  const { connections, intervalMs } = BLOCK;
  const pair = await start(OURS, { pinned, audience: { connections } });
  try {
    const row = await spread(pair, intervalMs, intervalMs * 8);
    // Apart from the other blocks, of which the worst of all repeats counts: here a block of the machine is noise.
    return {
      case: `${thousands(connections)} connections, longest block`,
      ...row,
      flushBlockMs: row.longestBlockMs,
    };
  } finally {
    await pair.stop();
  }
}
