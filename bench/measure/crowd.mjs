import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '../process/child.mjs';

const scripts = name => fileURLToPath(new URL(`../${name}.mjs`, import.meta.url));
const CONNECT_TIMEOUT_MS = 60_000;
const SETTLE_MS = 500;
const AT_ONCE = 256; // on their way: enough to keep the server busy, well under its backlog of 511

/** Servers by the peer's name. */
const SERVERS = { fanout: 'fanout', nest: 'nest', ws: 'ws-bare' };

/**
 * A server, and a client that opens connections which then say nothing. `warmUp` connections have come and gone before,
 * so that code is compiled and tables are not made for the first time while something is measured.
 *
 * @param {string} peer
 * @param {{ pinned: { server?: number, client?: number }, warmUp: number }} options
 */
export async function startCrowd(peer, { pinned, warmUp }) {
  const server = new Child(scripts(`servers/${SERVERS[peer]}`), {
    cpu: pinned.server,
    nodeArgs: ['--expose-gc'],
  });
  const client = new Child(scripts('client/crowd'), { cpu: pinned.client });
  const stop = () => Promise.all([client.stop(), server.stop()]);
  try {
    const port = await server.call('port');
    const connect = ({ count, subscribe = false }) =>
      client.call('connect', { port, count, subscribe, atOnce: AT_ONCE }, CONNECT_TIMEOUT_MS);
    await connect({ count: warmUp });
    await client.call('close');
    await sleep(SETTLE_MS);
    return { server, client, connect, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Bytes kept, when what only a second collection frees is gone too. */
export async function kept(server) {
  await server.call('memory');
  await sleep(SETTLE_MS);
  return server.call('memory');
}

/** What each connection holds in the server. */
export function perConnection(before, after, connections) {
  return {
    heapPerConnection: (after.heapUsed - before.heapUsed) / connections,
    rssPerConnection: (after.rss - before.rss) / connections,
  };
}

/** What both sides spend while `work` goes on. */
export async function spentOn({ server, client }, work) {
  const before = await Promise.all([server.call('usage'), client.call('usage')]);
  const result = await work();
  const after = await Promise.all([server.call('usage'), client.call('usage')]);
  const [serverUse, clientUse] = after.map((usage, i) => ({
    cpu: usage.cpu - before[i].cpu,
    share: (usage.cpu - before[i].cpu) / (usage.at - before[i].at),
    kernel: (usage.system - before[i].system) / (usage.cpu - before[i].cpu),
  }));
  return { result, server: serverUse, client: clientUse };
}
