import { thousands } from '../format.mjs';
import { CPU_A_DELIVERY, DELIVERY_COLUMNS } from '../measure/columns.mjs';
import { figures } from '../measure/figures.mjs';
import { measure, start, startClient } from '../measure/pair.mjs';

const TOPICS = 100;
const PER_SECOND = 1000;
const TOPICS_A_TURN = 5;
const SLOW_SHARE = 0.01;
const STALL = { pauseMs: 3000, readMs: 1000 };
const CHURN = { perSecond: 50, stayMs: 1000 };
const VISITORS = 400; // numbers for those who come and go: many more than are there at once

/** (j) All at once: a steady load, readers that stop, clients that come and go. */
export const shape = {
  name: 'mixed',
  title: `${thousands(PER_SECOND)} publications a second on ${TOPICS} topics, slow readers, ${CHURN.perSecond} clients a second come and go`,
  peers: ['fanout', 'ws-once'],
  sizes: { full: { connections: 5000, seconds: 15, repeats: 1 } },
  figure: CPU_A_DELIVERY,

  async run(peer, { connections, seconds }, { pinned }) {
    const pair = await start(peer, { pinned, audience: { connections, topics: TOPICS } });
    const others = [];
    try {
      // Slow readers have every topic: with one, the kernel would hold for them what they do not read.
      const slow = await startClient(peer, pair.port, {
        pinned,
        audience: {
          connections: Math.ceil(connections * SLOW_SHARE),
          topics: TOPICS,
          topicsPerConnection: TOPICS,
        },
      });
      others.push(slow.client);
      const visitors = await startClient(peer, pair.port, {
        pinned,
        audience: { connections: VISITORS, topics: TOPICS },
        connect: false,
      });
      others.push(visitors.client);

      const forMs = seconds * 1000;
      const slowDown = slow.client.call('stall', { ...STALL, forMs }, forMs + 30_000);
      const comeAndGo = visitors.client.call(
        'churn',
        { ...visitors.target, ...CHURN, forMs },
        forMs + 30_000,
      );
      await pair.server.call('startLoopWatch');
      const load = {
        perTopic: 1,
        topicsPerTurn: TOPICS_A_TURN,
        intervalMs: (1000 * TOPICS_A_TURN) / PER_SECOND,
        forMs,
        catchUp: true,
      };
      const result = await measure(pair, load, { loadTimeoutMs: forMs * 3 });
      const { longestBlockMs } = await pair.server.call('stopLoopWatch');
      await slowDown;
      const churned = await comeAndGo;
      const { lastSeq } = result.published;
      const stalled = await slow.client.call('wait', { lastSeq, timeoutMs: 5000 });
      return [
        {
          case: `${thousands(connections)} connections`,
          ...together(figures(result, pair.audience), churned, stalled),
          ...pair.memory,
          longestBlockMs,
        },
      ];
    } finally {
      await Promise.all(others.map(client => client.stop()));
      await pair.stop();
    }
  },

  columns: [
    ...DELIVERY_COLUMNS.filter(([title]) => !['writes/conn', 'encodes/pub'].includes(title)),
    ['came and went', row => thousands(row.visits)],
    ['slow closed', row => String(row.slowClosed)],
    ['slow lost', row => thousands(row.slowLost)],
  ],
  targets: [
    { case: /./, against: 'ws-once', ratio: 1 },
    { case: /./, name: 'slow readers that were closed', value: row => row.slowClosed, exactly: 0 },
    { case: /./, name: 'publications that slow readers lost', value: row => row.slowLost, exactly: 0 },
  ],
};

/** Loss is counted for all but the slow; what those who come and go should have had, they tell by its offsets. */
function together(steady, churned, stalled) {
  const deliveries = steady.deliveries + churned.publications + stalled.publications;
  const share = steady.deliveries / deliveries;
  return {
    ...steady,
    deliveries,
    usPerDelivery: steady.usPerDelivery * share,
    deliveriesPerSecond: steady.deliveriesPerSecond / share,
    deliveriesPerCpuSecond: steady.deliveriesPerCpuSecond / share,
    lost: steady.lost + churned.lost,
    wrong: steady.wrong + churned.repeated + churned.malformed + stalled.repeated + stalled.malformed,
    failures: steady.failures + churned.failures,
    firstFailure: steady.firstFailure ?? churned.firstFailure,
    visits: churned.visits,
    slowClosed: stalled.failures,
    slowLost: stalled.lost,
  };
}
