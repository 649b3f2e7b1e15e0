import { percent, thousands } from '../format.mjs';
import { leftBehind } from '../measure/left-behind.mjs';
import { closeAll, settle, startLedger, sumUp, usageOf } from '../measure/ledger.mjs';

const OURS = 'fanout';
const ALL_FAST = 'all-fast';
const FORGETFUL = 'forgetful';
const TOPICS = 50;
const TOPICS_A_TURN = 10;
const SLOW_SHARE = 0.05; // of the clients are throttled, and as many stop reading from time to time
const THROTTLE = { biteBytes: 8192, everyMs: 40 }; // 200 kB a second
const BUDGET = 256 * 2 ** 20;
const MIB = 2 ** 20;
const LONG_S = 30;
const SETTLE_MS = 30_000; // most; where something is lost it is waited for in vain

/**
 * Does every client know what it has missed? Fast ones, throttled ones, those that stop for a while, and those that come
 * back with `since`, each with a ledger of its own. `all-fast` is the same without the slow ones; `forgetful` is the
 * negative control, a server that forgets what a busy socket does not take: its ledgers must not balance.
 */
export const shape = {
  name: 'ledger',
  title: 'Slow readers and reconnects: is every publication delivered, named in a gap or given up?',
  peers: [OURS, ALL_FAST, FORGETFUL],
  sizes: {
    full: {
      clients: 2000,
      perSecond: 2000,
      seconds: 60,
      payloadBytes: 1024,
      topicsOfSlow: 20,
      history: 200,
      pauses: { pauseMs: 8000, readMs: 4000 },
      reconnects: { perSecond: 200, awayMs: 500, longMs: 7000, longEvery: 20 },
      control: { clients: 300, seconds: 8, settleMs: 2000 },
      repeats: 2,
    },
    quick: {
      clients: 300,
      perSecond: 2000,
      seconds: 3,
      payloadBytes: 2048,
      topicsOfSlow: 50,
      history: 50,
      pauses: { pauseMs: 2000, readMs: 300 },
      reconnects: { perSecond: 60, awayMs: 300, longMs: 1800, longEvery: 10 },
      control: { clients: 100, seconds: 2.5, settleMs: 500 },
      repeats: 1,
    },
  },
  figure: { name: 'p99', better: 'lower', label: 'p99 ms, fast ones', digits: 1 },

  async run(peer, size, { pinned, options: { lag } }) {
    if (peer === FORGETFUL) {
      const smaller = { ...size, ...size.control };
      return [await keepLedgers('fanout-forgetful', smaller, { slow: true, pinned, lag })];
    }
    return [await keepLedgers(OURS, size, { slow: peer === OURS, pinned, lag })];
  },

  columns: [
    ['p50', row => row.p50.toFixed(1)],
    ['clients', row => thousands(row.clients)],
    ['delivered', row => thousands(row.delivered)],
    ['in gaps', row => `${thousands(row.inGaps)} (${row.gapFrames})`],
    ['recovered', row => thousands(row.recovered)],
    ['not', row => thousands(row.notRecovered)],
    ['given up', row => thousands(row.givenUp)],
    ['behind', row => percent(row.behind)],
    ['closed', row => String(row.closed)],
    ['RSS grew', row => `${(row.rssGrowth / MIB).toFixed(0)} MiB`],
    ['server', row => percent(row.serverShare)],
    ['client', row => percent(row.clientShare)],
    ['lost', row => thousands(row.lost)],
    ['wrong', row => thousands(row.wrong)],
  ],
  targets: [
    {
      case: /./,
      name: `p99 of the fast ones over that of ${ALL_FAST}`,
      // In a quick run both are a few milliseconds: their ratio says little.
      value: (row, at) => (row.seconds < LONG_S ? undefined : row.p99 / at(ALL_FAST, row.case)?.p99),
      atMost: 1.3,
    },
    { case: /./, name: 'p99 of the fast ones, ms', value: row => row.p99, atMost: 150, gate: 1000 },
    {
      case: /./,
      name: 'growth of the memory over that without slow ones, of the budget',
      value: (row, at) => (row.rssGrowth - at(ALL_FAST, row.case)?.rssGrowth) / BUDGET,
      atMost: 1,
      gate: 1.5,
    },
    {
      case: /./,
      name: 'share of the slow that was behind, at the most',
      value: row => row.behind,
      atLeast: 0.5,
      gate: 0.1,
    },
    // A stop of 8 s is within the time of grace, and the throttled ones take something all the time.
    { case: /./, name: 'clients that were closed', value: row => row.closed, exactly: 0 },
    {
      case: /./,
      name: 'buffers in use when all are gone',
      value: row => row.buffersInUse,
      exactly: 0,
      gate: 0,
    },
    { case: /./, name: 'connections left', value: row => row.connectionsLeft, exactly: 0, gate: 0 },
    {
      case: /./,
      name: 'losses seen with the forgetful server',
      value: (row, at) => at(FORGETFUL, row.case)?.lost,
      atLeast: 1,
      gate: 1,
    },
  ],
};

async function keepLedgers(script, size, { slow, pinned, lag }) {
  const { clients, perSecond, seconds, payloadBytes, settleMs = SETTLE_MS } = size;
  const forMs = seconds * 1000;
  const pair = await startLedger(script, {
    options: { slowConsumer: { budget: BUDGET, ...(lag !== undefined && { lag }) } },
    topic: { history: size.history, slow: 'catch-up' },
    crews: crewsOf(size, { slow }),
    pinned,
  });
  try {
    const { server, clients: crews } = pair;
    const before = await server.call('memory');
    await server.call('watchLaggards', { topics: TOPICS });
    await crews.fast.call('begin');
    const spent = await usageOf(pair);
    const reading = Promise.all([
      crews.fast.call('reconnects', { ...size.reconnects, forMs }, forMs + SETTLE_MS),
      crews.throttled?.call('throttle', { everyMs: THROTTLE.everyMs, forMs }, forMs + SETTLE_MS),
      crews.pausing?.call('pauses', { ...size.pauses, forMs }, forMs + SETTLE_MS),
    ]);
    const load = {
      topics: TOPICS,
      payloadBytes,
      perTopic: 1,
      topicsPerTurn: TOPICS_A_TURN,
      intervalMs: (1000 * TOPICS_A_TURN) / perSecond,
      forMs,
      catchUp: true,
    };
    const { lastSeq, startedAt, endedAt, messages } = await server.call('load', load, forMs * 3);
    const now = await usageOf(pair);
    const laggards = await server.call('laggards');
    await reading;
    const ledgers = await settle(pair, { lastSeq, timeoutMs: settleMs });
    await closeAll(pair);
    const { fast } = ledgers;
    const { gaps, endings, ...counted } = sumUp(ledgers);
    const slowOnes = clients * SLOW_SHARE * 2;
    return {
      case: `${thousands(perSecond)} publications a second`,
      ...counted,
      ...laggards,
      ...(await leftBehind(server)),
      clients: slow ? clients : clients - slowOnes,
      gaps,
      inGaps: sum(gaps),
      endings,
      closed: sum(endings),
      behind: laggards.mostSlow / (slowOnes * size.topicsOfSlow),
      p50: fast.p50,
      p99: fast.p99,
      p999: fast.p999,
      seconds,
      publicationsPerSecond: messages / ((endedAt - startedAt) / 1e6),
      rssGrowth: laggards.mostRss - before.rss,
      serverShare: (now.server - spent.server) / (now.at - spent.at),
      clientShare: (now.client - spent.client) / (now.at - spent.at),
    };
  } finally {
    await pair.stop();
  }
}

function crewsOf({ clients, payloadBytes, topicsOfSlow }, { slow }) {
  const few = Math.round(clients * SLOW_SHARE);
  const audience = { topics: TOPICS, payloadBytes };
  const fast = { audience: { ...audience, connections: clients - 2 * few } };
  if (!slow) return { fast };
  // Slow ones have many topics: with one, the kernel would hold for them what they do not read.
  const many = { ...audience, connections: few, topicsPerConnection: topicsOfSlow };
  const pausing = { audience: many, background: true };
  return { fast, throttled: { ...pausing, biteBytes: THROTTLE.biteBytes }, pausing };
}

function sum(counts) {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
