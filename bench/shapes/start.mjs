import { fileURLToPath } from 'node:url';
import { Child } from '../process/child.mjs';

const scripts = name => fileURLToPath(new URL(`../${name}.mjs`, import.meta.url));
const CONNECT_TIMEOUT_MS = 90_000;

/**
 * A server on its core, a client on the other, and every connection subscribed.
 *
 * @param {string} name of the file in bench/servers
 * @param {{ pinned: { server?: number, client?: number }, connections: number, subprotocol?: string, nodeArgs?: string[] }} options
 */
export async function start(name, { pinned, connections, subprotocol, nodeArgs }) {
  const server = new Child(scripts(`servers/${name}`), { cpu: pinned.server, nodeArgs });
  const client = new Child(scripts('client/client'), { cpu: pinned.client });
  const port = await server.call('port');
  await client.call('connect', { port, count: connections, subprotocol }, CONNECT_TIMEOUT_MS);
  return { server, client, stop: () => Promise.all([client.stop(), server.stop()]) };
}

/**
 * One measured load on a started pair: what was published, what came, and the CPU time of both sides for it.
 *
 * @param {Awaited<ReturnType<typeof start>>} pair
 * @param {{ perTurn: number, intervalMs: number, forMs?: number, minTurns?: number, catchUp?: boolean }} load
 */
export async function measure({ server, client }, load, { loadTimeoutMs, drainMs = 15_000 }) {
  await client.call('begin');
  const before = await Promise.all([server.call('usage'), client.call('usage')]);
  const published = await server.call('load', load, loadTimeoutMs);
  const arrived = await client.call(
    'wait',
    { lastSeq: published.lastSeq, timeoutMs: drainMs },
    drainMs + 30_000,
  );
  const after = await Promise.all([server.call('usage'), client.call('usage')]);
  const [serverUse, clientUse] = after.map((usage, i) => ({
    cpu: usage.cpu - before[i].cpu,
    share: (usage.cpu - before[i].cpu) / (usage.at - before[i].at),
    kernel: (usage.system - before[i].system) / (usage.cpu - before[i].cpu),
  }));
  return {
    published,
    arrived,
    server: serverUse,
    client: clientUse,
    // Undefined for the peers, which write in every turn.
    perFlush: published.messages / (after[0].flushes - before[0].flushes) || undefined,
    tookUs: arrived.at - published.startedAt,
  };
}
