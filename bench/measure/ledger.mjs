import { fileURLToPath } from 'node:url';
import { Child } from '../process/child.mjs';

const scripts = name => fileURLToPath(new URL(`../${name}.mjs`, import.meta.url));
const CONNECT_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 30_000;

/**
 * A server, and crews of clients that keep ledgers. Each crew is a process of its own, and some are in the background: what
 * they read in bursts must not make the stamps of the others late.
 *
 * @param {string} script of the server, a file in bench/servers
 * @param {object} how
 * @param {object} how.options of the module
 * @param {object} how.topic options of every topic
 * @param {Record<string, string>} [how.env] of the server
 * @param {Record<string, { audience: import('./pair.mjs').Audience, addresses?: number, biteBytes?: number, background?: boolean }>} how.crews
 * @param {{ server?: number, client?: number }} how.pinned
 */
export async function startLedger(script, { options = {}, topic, env = {}, crews, pinned }) {
  const server = new Child(scripts(`servers/${script}`), {
    cpu: pinned.server,
    nodeArgs: ['--expose-gc'],
    env: { ...env, BENCH_OPTIONS: JSON.stringify(options), BENCH_TOPIC_OPTIONS: JSON.stringify(topic) },
  });
  const clients = {};
  const stop = () => Promise.all([...Object.values(clients), server].map(child => child.stop()));
  try {
    const port = await server.call('port');
    for (const [name, { audience, ...reading }] of Object.entries(crews)) {
      clients[name] = new Child(scripts('client/ledger-client'), { cpu: pinned.client });
      const whole = { topics: 1, topicsPerConnection: 1, payloadBytes: 0, ...audience };
      await clients[name].call('connect', { port, audience: whole, ...reading }, CONNECT_TIMEOUT_MS);
    }
    return { port, server, clients, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What each crew was given, when everybody has everything up to `lastSeq`. */
export async function settle({ clients }, { lastSeq, timeoutMs }) {
  const ledgers = {};
  await each(clients, async (client, name) => {
    ledgers[name] = await client.call('settle', { lastSeq, timeoutMs }, timeoutMs + CLOSE_TIMEOUT_MS);
  });
  return ledgers;
}

/** Everybody goes home. */
export async function closeAll({ clients }) {
  await each(clients, client => client.call('close', {}, CLOSE_TIMEOUT_MS));
}

/** CPU time of both sides so far, microseconds. */
export async function usageOf({ server, clients }) {
  const ours = await server.call('usage');
  const theirs = await Promise.all(Object.values(clients).map(client => client.call('usage')));
  return { at: ours.at, server: ours.cpu, client: theirs.reduce((sum, { cpu }) => sum + cpu, 0) };
}

/** All ledgers together. */
export function sumUp(ledgers) {
  const all = Object.values(ledgers);
  const sum = of => all.reduce((total, ledger) => total + of(ledger), 0);
  return {
    delivered: sum(({ publications }) => publications),
    gaps: gapsOf(all),
    gapFrames: sum(({ gapFrames }) => gapFrames),
    givenUp: sum(({ givenUp }) => givenUp),
    recovered: sum(({ recovered }) => recovered),
    notRecovered: sum(({ notRecovered }) => notRecovered),
    lost: sum(({ lost }) => lost),
    wrong: sum(({ repeated, malformed, faults }) => repeated + malformed + faults),
    firstFault: all.map(({ firstFault }) => firstFault).find(fault => fault !== undefined),
    endings: endingsOf(all),
  };
}

function gapsOf(ledgers) {
  return addUp(ledgers.map(({ gaps }) => gaps));
}

function endingsOf(ledgers) {
  return addUp(ledgers.map(({ endings }) => endings));
}

function addUp(counts) {
  const sums = {};
  for (const [name, count] of counts.flatMap(Object.entries)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

function each(clients, act) {
  return Promise.all(Object.entries(clients).map(([name, client]) => act(client, name)));
}
