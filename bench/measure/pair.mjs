import { fileURLToPath } from 'node:url';
import { Child } from '../process/child.mjs';

const scripts = name => fileURLToPath(new URL(`../${name}.mjs`, import.meta.url));
const CONNECT_TIMEOUT_MS = 90_000;
const DIALECTS = { 'socket.io': 'socket.io' }; // of the peers that speak another one than Nest's

/**
 * Who is connected, and what they listen to; see client/cursors.mjs for which topics a connection gets.
 *
 * @typedef {object} Audience
 * @property {number} connections
 * @property {number} [topics] 1
 * @property {number} [topicsPerConnection] 1
 * @property {number} [payloadBytes] of a publication; 0 for the smallest
 * @property {string} [subprotocol]
 * @property {string} [extensions] that the clients offer
 */

/**
 * A server on its core, a client on the other, and every connection subscribed.
 *
 * @param {string} peer the name of a file in bench/servers
 * @param {{ pinned: { server?: number, client?: number }, audience: Audience, nodeArgs?: string[], env?: Record<string, string> }} options
 */
export async function start(peer, { pinned, audience, nodeArgs = [], env }) {
  const server = new Child(scripts(`servers/${peer}`), {
    cpu: pinned.server,
    nodeArgs: ['--expose-gc', ...nodeArgs],
    env,
  });
  try {
    const port = await server.call('port');
    const before = await server.call('memory');
    const { client, target } = await startClient(peer, port, { pinned, audience });
    return {
      server,
      client,
      port,
      audience: target.audience,
      memory: perConnection(before, await server.call('memory'), audience.connections),
      stop: () => Promise.all([client.stop(), server.stop()]),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/**
 * A client process of a server that runs: with `connect: false` it is told nothing yet.
 *
 * @param {string} peer
 * @param {number} port
 * @param {{ pinned: { client?: number }, audience: Audience, connect?: boolean }} options
 */
export async function startClient(peer, port, { pinned, audience, connect = true }) {
  const client = new Child(scripts('client/client'), { cpu: pinned.client });
  const whole = { topics: 1, topicsPerConnection: 1, payloadBytes: 0, ...audience };
  const target = { port, audience: whole, dialect: DIALECTS[peer] ?? 'nest' };
  try {
    if (connect) await client.call('connect', target, CONNECT_TIMEOUT_MS);
    return { client, target };
  } catch (error) {
    await client.stop();
    throw error;
  }
}

/** Bytes that a connection with its subscriptions holds in the server. */
function perConnection(before, after, connections) {
  return {
    heapPerConnection: (after.heapUsed - before.heapUsed) / connections,
    rssPerConnection: (after.rss - before.rss) / connections,
  };
}

/**
 * One measured load on a started pair: what was published, what came, and the CPU time of both sides for it.
 *
 * @param {Awaited<ReturnType<typeof start>>} pair
 * @param {{ perTopic: number, topicsPerTurn?: number, intervalMs: number, forMs?: number, minTurns?: number, catchUp?: boolean }} load
 */
export async function measure({ server, client, audience }, load, { loadTimeoutMs, drainMs = 15_000 }) {
  const { topics, payloadBytes } = audience;
  await client.call('begin');
  const before = await Promise.all([server.call('usage'), client.call('usage')]);
  const published = await server.call('load', { topics, payloadBytes, ...load }, loadTimeoutMs);
  const arrived = await client.call(
    'wait',
    { lastSeq: published.lastSeq, timeoutMs: drainMs },
    drainMs + 30_000,
  );
  const after = await Promise.all([server.call('usage'), client.call('usage')]);
  const [serverUse, clientUse] = after.map((usage, i) => use(before[i], usage));
  return {
    published,
    arrived,
    server: serverUse,
    client: clientUse,
    tookUs: arrived.at - published.startedAt,
  };
}

/** What a process spent between two calls of `usage`. */
function use(before, after) {
  const cpu = after.cpu - before.cpu;
  const wall = after.at - before.at;
  return {
    cpu,
    share: cpu / wall,
    kernel: (after.system - before.system) / cpu,
    gcShare: ((after.gc - before.gc) * 1000) / wall,
    slabs: after.slabs - before.slabs,
    flushes: after.flushes - before.flushes,
  };
}
