import { fileURLToPath } from 'node:url';
import { percent, thousands } from '../format.mjs';
import { leftBehind } from '../measure/left-behind.mjs';
import { closeAll, settle, startLedger, sumUp, usageOf } from '../measure/ledger.mjs';
import { Child } from '../process/child.mjs';

const ATTACKERS = fileURLToPath(new URL('../client/attack-client.mjs', import.meta.url));
const ATTACKING_SHARE = 0.05;
const COME_WITHIN = 125; // milliseconds for each second of the load: an eighth of it
const TOPICS = 50;
const TOPICS_A_TURN = 10;
const SETTLE_MS = 30_000; // most; where something is lost it is waited for in vain
const STOP_MS = 20_000;
const LEAST_P99_MS = 10; // below it, a ratio of two latencies is one of two accidents
const MIB = 2 ** 20;

/**
 * A twentieth of the clients attack, in every way at once, each from an address of its own: what do the others notice? They
 * get the same load twice, first among themselves and then beside those who attack, over the same connections.
 */
export const shape = {
  name: 'attack',
  title: 'Attacks: 5 % of the clients attack in every way at once. What do the other 95 % notice?',
  peers: ['fanout'],
  sizes: {
    full: {
      connections: 15_000,
      processes: 3,
      // Half of what the server can do is for those who attack: one core has to be enough for all of it.
      perSecond: 50,
      // A major collection costs some tenths of a second on one core: a p99 of a shorter time is that of one accident.
      seconds: 120,
      headersMs: 10_000,
      noise: { bytes: 2 ** 16, everyMs: 50 },
      // What docs/security.md advises where this is to be expected: a refused message costs as much as a good one.
      options: { limits: { connections: 18_000, rejections: 100 } },
      // Without bans whoever was ended is back a second later; with them it is refused, again and again.
      banTimes: [0, 60_000],
      repeats: 1,
    },
    quick: {
      connections: 1500,
      processes: 1,
      perSecond: 500,
      seconds: 6, // a client that answers no ping is waited for before it counts as one that does not read
      headersMs: 1500,
      noise: { bytes: 2 ** 18, everyMs: 40 },
      options: {
        limits: { connections: 3000, messageTime: 1500, rejections: 100 },
        slowConsumer: { grace: 1000 },
      },
      banTimes: [0],
      repeats: 1,
    },
  },
  figure: { name: 'p99', better: 'lower', label: 'p99 ms, healthy ones', digits: 1 },

  async run(_, size, { pinned }) {
    const rows = [];
    for (const banTime of size.banTimes) rows.push(await attacked(size, banTime, pinned));
    return rows;
  },

  columns: [
    ['without', row => row.p99Calm.toFixed(1)],
    ['p50', row => row.p50.toFixed(1)],
    ['without', row => row.p50Calm.toFixed(1)],
    ['healthy', row => thousands(row.healthy)],
    ['attackers', row => thousands(row.attackers)],
    ['stopped', row => thousands(row.stopped)],
    ['not stopped', row => row.notStopped.join(' ') || '-'],
    ['delivered', row => thousands(row.delivered)],
    ['closed', row => String(row.closed)],
    ['RSS grew', row => `${(row.rssGrowth / MIB).toFixed(0)} MiB`],
    ['server', row => percent(row.serverShare)],
    ['without', row => percent(row.serverShareCalm)],
    ['client', row => percent(row.clientShare)],
    ['lost', row => thousands(row.lost)],
    ['wrong', row => thousands(row.wrong)],
  ],
  targets: [
    {
      case: /./,
      name: 'p99 of the healthy ones over that without attackers',
      value: row => Math.max(row.p99, LEAST_P99_MS) / Math.max(row.p99Calm, LEAST_P99_MS),
      atMost: 2,
      gate: 4,
    },
    { case: /./, name: 'healthy clients that were closed', value: row => row.closed, exactly: 0, gate: 0 },
    {
      case: /./,
      name: 'publications that healthy clients were told are missing',
      value: row => row.inGaps + row.givenUp,
      exactly: 0,
      gate: 0,
    },
    {
      case: /./,
      name: 'ways to attack that were not stopped',
      value: row => row.notStopped.length,
      exactly: 0,
      gate: 0,
    },
    {
      case: /./,
      name: 'buffers in use when all are gone',
      value: row => row.buffersInUse,
      exactly: 0,
      gate: 0,
    },
    { case: /./, name: 'connections left', value: row => row.connectionsLeft, exactly: 0, gate: 0 },
  ],
};

async function attacked(size, banTime, pinned) {
  const { connections, perSecond, seconds } = size;
  const attackers = Math.round(connections * ATTACKING_SHARE);
  const pair = await startLedger('fanout-attacked', {
    options: withLimits(size.options, banTime),
    topic: { history: 20, slow: 'catch-up' },
    env: { BENCH_HEADERS_MS: String(size.headersMs) },
    crews: crewsOf(connections - attackers, size.processes),
    pinned,
  });
  const attack = new Child(ATTACKERS, { cpu: pinned.client });
  try {
    const { server } = pair;
    // What fills the sockets of those who do not read: the kernel takes megabytes for each.
    await server.call('startNoise', size.noise);
    const load = {
      topics: TOPICS,
      perTopic: 1,
      topicsPerTurn: TOPICS_A_TURN,
      intervalMs: (1000 * TOPICS_A_TURN) / perSecond,
      forMs: seconds * 1000,
      catchUp: true,
    };
    const calm = await loaded(pair, load);
    const before = await server.call('watchMemory');
    await attack.call('attack', { port: pair.port, count: attackers, withinMs: seconds * COME_WITHIN });
    const beside = await loaded(pair, load);
    const mostRss = await server.call('mostMemory');
    const tallies = await attack.call('stop', {}, STOP_MS);
    await server.call('stopNoise');
    const rejected = await server.call('rejected');
    await closeAll(pair);
    const { gaps, endings, ...counted } = sumUp(beside.ledgers);
    return {
      case: `${thousands(connections)} connections, ${thousands(perSecond)} publications a second, ${bans(banTime)}`,
      ...counted,
      ...(await leftBehind(server)),
      inGaps: sum(gaps),
      endings,
      closed: sum(endings),
      healthy: connections - attackers,
      attackers,
      tallies,
      rejected,
      stopped: sum(Object.values(tallies).map(({ ended, refused }) => ended + refused)),
      notStopped: Object.keys(tallies).filter(kind => !wasStopped(tallies[kind])),
      rssGrowth: mostRss - before,
      p99: beside.p99,
      p99Calm: calm.p99,
      p50: beside.p50,
      p50Calm: calm.p50,
      serverShare: beside.serverShare,
      serverShareCalm: calm.serverShare,
      clientShare: beside.clientShare,
    };
  } finally {
    await Promise.all([attack.stop(), pair.stop()]);
  }
}

/** Everybody comes from an address of its own, so a limit of addresses is one of those who open many. */
function withLimits({ limits, ...others }, banTime) {
  return { ...others, limits: { connectionsPerIp: 8, connectionsPerSecondPerIp: 2, banTime, ...limits } };
}

function bans(banTime) {
  return banTime === 0 ? 'no bans' : `bans of ${banTime / 1000} s`;
}

function crewsOf(healthy, processes) {
  const each = Math.ceil(healthy / processes);
  return Object.fromEntries(
    Array.from({ length: processes }, (_, i) => {
      const count = Math.min(each, healthy - i * each);
      return [`healthy ${i + 1}`, { audience: { topics: TOPICS, connections: count }, addresses: i + 1 }];
    }),
  );
}

/** One load, and what the healthy ones got of it. The worst of the processes counts. */
async function loaded(pair, load) {
  for (const client of Object.values(pair.clients)) await client.call('begin');
  const from = await usageOf(pair);
  const { lastSeq } = await pair.server.call('load', load, load.forMs * 3);
  const to = await usageOf(pair);
  const ledgers = await settle(pair, { lastSeq, timeoutMs: SETTLE_MS });
  const worst = name => Math.max(...Object.values(ledgers).map(ledger => ledger[name]));
  return {
    ledgers,
    p50: worst('p50'),
    p99: worst('p99'),
    serverShare: (to.server - from.server) / (to.at - from.at),
    clientShare: (to.client - from.client) / (to.at - from.at),
  };
}

/** Each was refused or ended once at least, on the average. */
function wasStopped({ attackers, ended, refused }) {
  return ended + refused >= attackers;
}

function sum(counts) {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
