import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../median.mjs';
import { figures } from './figures.mjs';
import { measure, start } from './start.mjs';

const CLOSE_TIMEOUT_MS = 30_000;
const COME_HOME_MS = 5000; // for the last sockets to be gone and their buffers given back

/**
 * Many connections for a while: nothing lost, nothing out of order, no memory kept, every buffer given back.
 */
export async function soakShape(options, machine, say) {
  const { connections, perSecond, seconds } = options.soak;
  say(`soak: ${connections} connections, ${perSecond} publications a second for ${seconds} s`);
  const pair = await start('fanout', {
    pinned: machine.pinned,
    connections,
    subprotocol: options.batched ? 'fanout.v1.json' : undefined,
    nodeArgs: ['--expose-gc'],
  });
  try {
    const samples = [];
    const sampling = sampleMemory(pair.server, samples);
    const load = { perTurn: 1, intervalMs: 1000 / perSecond, minTurns: seconds * perSecond, catchUp: true };
    const result = await measure(pair, load, { loadTimeoutMs: seconds * 3000 + 10_000 });
    await sampling.stop();
    say('soak: closing');
    await pair.client.call('close', {}, CLOSE_TIMEOUT_MS);
    // Counted again with every connection at its end: a message that came twice may have been the last one.
    const { lastSeq } = result.published;
    result.arrived = await pair.client.call('wait', { lastSeq, timeoutMs: 0 });
    return {
      ...figures(result, connections),
      arrived: result.arrived.publications,
      ...(await leftBehind(pair.server)),
      memory: memory(samples, seconds),
    };
  } finally {
    await pair.stop();
  }
}

/** Once a second until stopped. An error of the server is the load's to report, so it only ends the sampling here. */
function sampleMemory(server, samples) {
  const stopping = new AbortController();
  const done = (async () => {
    const from = performance.now();
    for (;;) {
      const sample = await server.call('memory');
      samples.push({ ...sample, second: Math.round((performance.now() - from) / 1000) });
      await sleep(1000, undefined, { signal: stopping.signal });
    }
  })().catch(() => {});
  return {
    stop() {
      stopping.abort();
      return done;
    },
  };
}

/** What the server still holds once every client is gone: it may take a moment to see the last of them go. */
async function leftBehind(server) {
  const giveUp = performance.now() + COME_HOME_MS;
  for (;;) {
    const left = await server.call('leftBehind');
    if ((left.buffersInUse === 0 && left.connectionsLeft === 0) || performance.now() > giveUp) return left;
    await sleep(50);
  }
}

/**
 * Flat means: the last samples are no higher than those right after the start-up, but for the noise of an allocator.
 * Medians of three, as one sample may fall into a burst; with fewer than two times three there is nothing to compare.
 */
function memory(samples, seconds) {
  const settled = samples.filter(sample => sample.second >= Math.min(5, seconds / 2));
  const growth = name => {
    const of = settled.map(sample => sample[name]);
    return of.length < 6 ? undefined : median(of.slice(-3)) - median(of.slice(0, 3));
  };
  const { rss, heapUsed } = samples.at(-1) ?? {};
  return { samples, rss, heapUsed, rssGrowth: growth('rss'), heapGrowth: growth('heapUsed') };
}
