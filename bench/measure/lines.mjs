import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { POLICIES } from '../lines/topics.mjs';
import { Child } from '../process/child.mjs';
import { leftBehind } from './left-behind.mjs';

const scripts = name => fileURLToPath(new URL(`../${name}.mjs`, import.meta.url));
const CONNECT_TIMEOUT_MS = 60_000;
const CHANGE_AT = 1 / 3; // of the load, for lines that change their rate

/**
 * A server that publishes on the topic of each policy, and a client at the end of each line.
 *
 * @param {{ policy: string }[]} lines
 * @param {object} network with the lines, not opened yet
 * @param {object} how
 * @param {object} how.load of the server, for each topic
 * @param {object} how.options of the module
 * @param {number} how.settleMs most, for the newest value of each key to come
 * @param {{ server?: number, client?: number }} how.pinned
 * @returns what each client was given, and what the server has kept of them all
 */
export async function measureLines(lines, network, { load, options, settleMs, pinned }) {
  const server = new Child(scripts('servers/fanout-lines'), {
    cpu: pinned.server,
    namespace: network.server.namespace,
    env: {
      BENCH_OPTIONS: JSON.stringify(options),
      ...(network.server.host !== undefined && { BENCH_HOST: network.server.host }),
    },
  });
  const client = new Child(scripts('client/lines-client'), {
    cpu: pinned.client,
    namespace: network.client.namespace,
  });
  try {
    const urls = await network.urls(await server.call('port'));
    const ends = lines.map(({ policy }, i) => ({ policy, url: urls[i] }));
    await client.call('connect', { lines: ends }, CONNECT_TIMEOUT_MS);
    await Promise.all([server.call('record'), client.call('record')]);
    const changed = sleep(load.forMs * CHANGE_AT, undefined, { ref: false }).then(network.changeRates);
    const loaded = server.call('load', { ...load, topics: POLICIES.length }, load.forMs * 3);
    const [{ lastSeq }] = await Promise.all([loaded, changed]);
    const { records, endings } = await server.call('recorded');
    const reports = await client.call(
      'settle',
      { lastSeq, timeoutMs: settleMs },
      settleMs + CONNECT_TIMEOUT_MS,
    );
    await client.call('close');
    const left = await leftBehind(server);
    return {
      reports: reports.map((report, i) => ({
        ...report,
        ...together(report.record, { seen: records[i] ?? [], endings: endings[i] ?? [] }),
      })),
      left,
    };
  } finally {
    await Promise.all([client.stop(), server.stop()]);
  }
}

/**
 * What both ends of a line saw, second by second; the server sees nothing while the client has no connection.
 *
 * @param {[number, number, number, number][]} atClient second, age of the newest in ms, bytes read, gaps so far
 * @param {{ seen: [number, number, number, number][], endings: [number, string][] }} atServer `seen`: second, lag in ms, bytes written, bytes that the kernel has not taken; `endings`: second, why
 */
function together(atClient, { seen, endings }) {
  const bySecond = new Map(seen.map(([second, ...saw]) => [second, saw]));
  const from = atClient[0]?.[0] ?? 0;
  const record = atClient.map(([second, ageMs, read, gaps]) => {
    const [lagMs, written, unsent] = bySecond.get(second) ?? [];
    return { second: second - from, ageMs, lagMs, onTheWay: written - read, unsent, read, gaps };
  });
  const known = record.filter(({ unsent }) => unsent !== undefined);
  return {
    record,
    endings: endings.map(([second, why]) => ({ second: second - from, why })),
    lagAtEnd: known.at(-1)?.lagMs,
    mostOnTheWay: Math.max(0, ...known.map(({ onTheWay }) => onTheWay)),
  };
}
