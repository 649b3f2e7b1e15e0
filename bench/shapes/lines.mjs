import { percent, thousands } from '../format.mjs';
import { POLICIES } from '../lines/topics.mjs';
import { measureLines } from '../measure/lines.mjs';
import { namespaceLines } from '../measure/namespace-lines.mjs';
import { throttledLines } from '../measure/throttled-lines.mjs';

const MESSAGE_BYTES = 500;
const TOPIC_BYTES_PER_SECOND = 400_000;
const TURN_MS = 10;
const SETTLE_MS = 15_000; // most, for the newest value of each key to come
const LAG_MS = 5000; // the default of slowConsumer.lag
const MARGIN_MS = 2000;
const ENDS = 'disconnect'; // the policy that ends slow clients

/**
 * How old is what a client on a slow line reads, when proxies and kernels on the way swallow megabytes? All lines are there
 * at the same time, each with a client that reads without a pause. `--lag 0` turns off what bounds the age, and
 * `--namespaces` takes lines of the kernel without a proxy.
 */
export const shape = {
  name: 'lines',
  title: 'Slow lines: how old is what a client reads, behind proxies that swallow megabytes?',
  peers: ['fanout'],
  sizes: {
    full: {
      kbits: [30, 100, 400, 2000],
      policies: POLICIES,
      changes: {
        rates: [
          { kbits: 2000, laterKbits: 30 },
          { kbits: 30, laterKbits: 2000 },
        ],
        policies: ['catch-up', 'conflate'],
      },
      seconds: 90,
      repeats: 1,
    },
    quick: {
      kbits: [100, 2000],
      policies: POLICIES.filter(policy => policy !== ENDS),
      seconds: 22,
      repeats: 1,
    },
  },
  figure: { name: 'p99', better: 'lower', label: 'age p99 ms' },

  async run(_, size, { pinned, options }) {
    const kind = options.namespaces ? namespaceLines : throttledLines;
    if (kind.left !== undefined) console.log(kind.left);
    if (kind.ways.length === 0) return [];
    const kinds = kindsOf(size, { mayChange: kind.changesRates });
    const lines = kind.ways.flatMap(way => kinds.map(line => ({ way, ...line })));
    const network = await kind.begin(lines, { pinned });
    try {
      return rowsOf(
        lines,
        size,
        await measureLines(lines, network, howOf(size, { pinned, lag: options.lag })),
      );
    } finally {
      await network.end();
    }
  },

  tableOf: row => row.way,
  nameOf: row => (row.rate === undefined ? 'all' : `${row.rate}, ${row.policy}`),
  barOf: row => row.policy && { case: `${row.way}, ${row.rate}`, peer: row.policy, p99: row.p99 },
  columns: [
    ['p50', row => thousands(row.p50)],
    ['max', row => thousands(row.max)],
    ['stalest', row => thousands(row.stalest)],
    ['lag', row => row.lagAtEnd?.toFixed(0)],
    ['most on the way', row => `${(row.mostOnTheWay / 1000).toFixed(0)} kB`],
    ['read', row => `${(row.bytes / 1000).toFixed(0)} kB`],
    ['of the line', row => (row.share === undefined ? undefined : percent(row.share))],
    ['publications', row => thousands(row.publications)],
    ['in gaps', row => `${thousands(row.inGaps)} (${row.gapFrames})`],
    ['given up', row => thousands(row.givenUp)],
    ['closed', row => endingsText(row.endings)],
    ['late keys', row => String(row.missingKeys)],
    ['holes', row => String(row.holes)],
    ['wrong', row => String(row.faults)],
  ],
  targets: [
    {
      case: /all lines$/,
      name: 'age p99 on the worst line that keeps its rate, of slowConsumer.lag and 2 s',
      value: row => row.p99 / (LAG_MS + MARGIN_MS),
      atMost: 1,
      gate: 1.5,
    },
    {
      case: /all lines$/,
      name: 'clients that read and were closed',
      value: row => row.closed,
      exactly: 0,
      gate: 0,
    },
    {
      case: /all lines$/,
      name: `keys whose newest value was not there ${SETTLE_MS / 1000} s after the last publication`,
      value: row => row.missingKeys,
      atMost: 0,
      gate: 0,
    },
    {
      case: /all lines$/,
      name: 'buffers in use when all are gone',
      value: row => row.buffersInUse,
      exactly: 0,
      gate: 0,
    },
    { case: /all lines$/, name: 'connections left', value: row => row.connectionsLeft, exactly: 0, gate: 0 },
  ],
};

/** Each rate with each policy; what a line has under way when its rate falls cannot be called back, so its age has no target. */
function kindsOf({ kbits, policies, changes }, { mayChange }) {
  const steady = kbits.flatMap(rate => policies.map(policy => ({ kbits: rate, policy })));
  if (!mayChange || changes === undefined) return steady;
  return [
    ...steady,
    ...changes.rates.flatMap(rates => changes.policies.map(policy => ({ ...rates, policy }))),
  ];
}

function howOf({ seconds }, { pinned, lag }) {
  return {
    load: {
      perTopic: (TOPIC_BYTES_PER_SECOND * TURN_MS) / 1000 / MESSAGE_BYTES,
      payloadBytes: MESSAGE_BYTES,
      intervalMs: TURN_MS,
      forMs: seconds * 1000,
      catchUp: true,
    },
    options: lag === undefined ? {} : { slowConsumer: { lag } },
    settleMs: SETTLE_MS,
    pinned,
  };
}

function rowsOf(lines, { seconds }, { reports, left }) {
  const rows = lines.map((line, i) => rowOf(line, seconds, reports[i]));
  const ways = [...new Set(lines.map(({ way }) => way))];
  return ways.flatMap(way => {
    const those = rows.filter(row => row.way === way);
    return [...those, { ...allOf(those), ...left, case: `${way}, all lines`, way }];
  });
}

function rowOf({ way, kbits, laterKbits, policy }, seconds, { lost, wrong, gaps, ...report }) {
  const rate = laterKbits === undefined ? `${kbits} kbit/s` : `${kbits} to ${laterKbits} kbit/s`;
  const isSteady = laterKbits === undefined;
  return {
    case: `${way}, ${rate}, ${policy}`,
    way,
    rate,
    policy,
    isSteady,
    ...report,
    ended: report.endings.length,
    inGaps: sum(Object.values(gaps)),
    share: isSteady ? report.bytes / (kbits * 125 * seconds) : undefined,
    holes: lost,
    faults: wrong,
  };
}

/** All lines of one way: the worst of the ages, of lines that keep their rate, and the sum of what is counted. */
function allOf(rows) {
  const steady = rows.filter(({ isSteady }) => isSteady);
  const worst = name => Math.max(...steady.map(row => row[name]));
  const total = name => sum(rows.map(row => row[name]));
  return {
    p50: worst('p50'),
    p99: worst('p99'),
    max: worst('max'),
    stalest: worst('stalest'),
    mostOnTheWay: worst('mostOnTheWay'),
    bytes: total('bytes'),
    publications: total('publications'),
    inGaps: total('inGaps'),
    gapFrames: total('gapFrames'),
    givenUp: total('givenUp'),
    missingKeys: sum(steady.map(({ missingKeys }) => missingKeys)),
    holes: total('holes'),
    faults: total('faults'),
    // As in other shapes: what must be 0 in each run.
    lost: total('holes'),
    wrong: total('faults'),
    firstFault: rows.map(({ firstFault }) => firstFault).find(fault => fault !== undefined),
    endings: rows.flatMap(({ endings }) => endings),
    ended: total('ended'),
    closed: sum(rows.filter(({ policy }) => policy !== ENDS).map(({ ended }) => ended)),
  };
}

function endingsText(endings) {
  const whys = [...new Set(endings.map(({ why }) => why))];
  const texts = whys.map(why => {
    const seconds = endings.filter(ending => ending.why === why).map(({ second }) => second);
    return `${seconds.length} × ${why} (first after ${Math.min(...seconds)} s)`;
  });
  return texts.join(', ') || '-';
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
