import { percent, thousands } from '../format.mjs';
import { leftBehind } from '../measure/left-behind.mjs';
import { closeAll, settle, startLedger, sumUp, usageOf } from '../measure/ledger.mjs';

const SETTLE_TIMEOUT_MS = 20_000;
const WARM_UP = 2; // storms before those that are measured
const NOTHING = 0;

/** Everybody comes back at once, and each has missed the same: is the history made ready once, or for each of them? */
export const shape = {
  name: 'recovery',
  title: 'A storm of reconnects with since: all come back at once, and each has missed as many publications',
  peers: ['fanout'],
  sizes: {
    full: { clients: 5000, missed: [NOTHING, 1, 10, 100, 1000], repeats: 3 },
    quick: { clients: 1000, missed: [NOTHING, 100], repeats: 1 },
  },
  figure: { name: 'usPerClient', better: 'lower', label: 'µs CPU/client', digits: 1 },

  async run(peer, { clients, missed }, { pinned }) {
    const pair = await startLedger('fanout-encodings', {
      topic: { history: { size: Math.max(...missed), bytes: 2 ** 22 }, slow: 'catch-up' },
      crews: { all: { audience: { connections: clients } } },
      pinned,
    });
    try {
      // A topic that nothing was ever published on has nothing to remember, and goes with its last subscriber.
      await pair.server.call('load', { topics: 1, perTopic: 1, intervalMs: 0 });
      for (let storm = 0; storm < WARM_UP; storm++) await comeBack(pair, missed.at(-1));
      const rows = [];
      for (const count of missed) {
        const row = await comeBack(pair, count);
        rows.push({ case: caseOf(count), clients, ...row, usPerClient: row.serverCpu / clients });
      }
      await closeAll(pair);
      return rows;
    } finally {
      await pair.stop();
    }
  },

  columns: [
    ['clients/s', row => thousands(row.clients / row.seconds)],
    ['encodings', row => String(row.encodings)],
    ['recovered', row => thousands(row.recovered)],
    ['not', row => thousands(row.notRecovered)],
    ['server', row => percent(row.serverShare)],
    ['client', row => percent(row.clientShare)],
    ['lost', row => String(row.lost)],
    ['wrong', row => String(row.wrong)],
  ],
  targets: [
    {
      case: /^[1-9]/,
      name: 'encodings of what was missed, for each client',
      value: row => row.encodings / row.clients,
      atMost: 0.05,
      gate: 0.2,
    },
    {
      case: /./,
      name: 'clients that were not recovered',
      value: row => row.notRecovered,
      exactly: 0,
      gate: 0,
    },
  ],
};

function caseOf(missed) {
  return `${thousands(missed)} missed`;
}

/** One storm: everybody is cut off, `missed` publications follow, and everybody comes back. */
async function comeBack(pair, missed) {
  const { server, clients } = pair;
  const before = sumUp({ all: await clients.all.call('settle', { lastSeq: 0, timeoutMs: 0 }) });
  await clients.all.call('cutAll');
  await leftBehind(server);
  const { lastSeq } = await server.call('load', { topics: 1, perTopic: missed, intervalMs: 0 });
  const encodedFrom = await server.call('encodings');
  const from = await usageOf(pair);
  await clients.all.call('comeBack', {}, SETTLE_TIMEOUT_MS);
  const after = sumUp(await settle(pair, { lastSeq, timeoutMs: SETTLE_TIMEOUT_MS }));
  const to = await usageOf(pair);
  const encodedTo = await server.call('encodings');
  const seconds = (to.at - from.at) / 1e6;
  return {
    seconds,
    serverCpu: to.server - from.server,
    encodings: encodedTo - encodedFrom,
    serverShare: (to.server - from.server) / (to.at - from.at),
    clientShare: (to.client - from.client) / (to.at - from.at),
    recovered: after.recovered - before.recovered,
    notRecovered: after.notRecovered - before.notRecovered,
    lost: after.lost,
    wrong: after.wrong,
    firstFault: after.firstFault,
  };
}
