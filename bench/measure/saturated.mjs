import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { percent, thousands } from '../format.mjs';
import { Child } from '../process/child.mjs';

const file = path => fileURLToPath(new URL(`../${path}`, import.meta.url));
const CONNECT_TIMEOUT_MS = 60_000;
const DRAIN_MS = 5000;
const COUNTED_MS = 200; // of the warm-up: counting socket writes and watching the loop cost time of their own

/**
 * A server with clients that send the next request when the last is answered: they keep it busy, so what is measured
 * is how much it does, and not how well it does what is asked of it.
 *
 * @param {{ server: string, client: string, env?: Record<string, string> }} scripts names of files in bench/servers and bench/client
 * @param {object} target what the client's `connect` takes, beside the port
 */
export async function startSaturated(scripts, target, { pinned }) {
  const nodeArgs = ['--expose-gc'];
  const server = new Child(file(`servers/${scripts.server}.mjs`), {
    cpu: pinned.server,
    nodeArgs,
    env: scripts.env,
  });
  const client = new Child(file(`client/${scripts.client}.mjs`), { cpu: pinned.client });
  const pair = { server, client, stop: () => Promise.all([client.stop(), server.stop()]) };
  try {
    const port = await server.call('port');
    await client.call('connect', { port, ...target }, CONNECT_TIMEOUT_MS);
    return pair;
  } catch (error) {
    await pair.stop();
    throw error;
  }
}

/**
 * One measured load on a started pair. A done request is a message with its answers, or a topic that was subscribed to
 * and left.
 *
 * @param {{ load: object, warmMs: number, forMs: number, profile?: string, counted: boolean }} what
 */
export async function saturate({ server, client }, { load, warmMs, forMs, profile, counted }) {
  await client.call('begin', load);
  await sleep(warmMs);
  const counts = counted ? await count(server, client) : {};
  if (profile !== undefined) await server.call('startProfile');
  const before = await Promise.all([server.call('usage'), client.call('mark')]);
  await sleep(forMs);
  const after = await Promise.all([server.call('usage'), client.call('mark')]);
  if (profile !== undefined)
    await server.call('stopProfile', { file: file(`results/${profile}.cpuprofile`) });
  const { lost, wrong, failures, firstFailure } = await client.call(
    'stop',
    { timeoutMs: DRAIN_MS },
    DRAIN_MS + 30_000,
  );
  const [serverUse, clientUse] = after.map((usage, i) => ({
    cpu: usage.cpu - before[i].cpu,
    took: usage.at - before[i].at,
    system: usage.system - before[i].system,
  }));
  const done = after[1].done - before[1].done;
  const { p50, p99, p999 } = after[1];
  return {
    done,
    perSecond: done / (clientUse.took / 1e6),
    perCpuSecond: done / (serverUse.cpu / 1e6),
    usEach: serverUse.cpu / done,
    serverShare: serverUse.cpu / serverUse.took,
    kernelShare: serverUse.system / serverUse.cpu,
    gcShare: ((after[0].gc - before[0].gc) * 1000) / serverUse.took,
    clientShare: clientUse.cpu / clientUse.took,
    p50,
    p99,
    p999,
    lost,
    wrong,
    failures,
    firstFailure,
    ...counts,
  };
}

async function count(server, client) {
  await server.call('startCounting');
  await server.call('startLoopWatch');
  const before = await client.call('mark');
  await sleep(COUNTED_MS);
  const { longestBlockMs } = await server.call('stopLoopWatch');
  const { writes } = await server.call('stopCounting');
  const after = await client.call('mark');
  return { longestBlockMs, writesEach: writes / (after.done - before.done) };
}

/** What is compared, and the columns of the table after it. @param {string} what is counted, in the plural */
export function saturatedFigure(what) {
  return { name: 'perCpuSecond', better: 'higher', label: `${what}/CPU s` };
}

export function saturatedColumns(what) {
  return [
    [`${what}/s`, row => thousands(row.perSecond)],
    ['µs CPU each', row => row.usEach.toFixed(2)],
    ['writes each', row => row.writesEach?.toFixed(2)],
    ['p50 ms', row => row.p50.toFixed(2)],
    ['p99', row => row.p99.toFixed(2)],
    ['p99.9', row => row.p999.toFixed(2)],
    ['block ms', row => row.longestBlockMs?.toFixed(0)],
    ['server', row => percent(row.serverShare)],
    ['kernel', row => percent(row.kernelShare)],
    ['GC', row => percent(row.gcShare, 1)],
    ['client', row => percent(row.clientShare)],
    ['lost', row => String(row.lost)],
    ['wrong', row => String(row.wrong)],
  ];
}
