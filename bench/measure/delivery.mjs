import { fileURLToPath } from 'node:url';
import { faults, figures } from './figures.mjs';
import { measure, start } from './pair.mjs';

export const OURS = 'fanout';

// One turn of 100 messages to 5,000 clients takes a ws loop five to eight seconds here; ten times that on a slow machine.
const LOAD_TIMEOUT_MS = 120_000;
const WARM_UP_TURNS = 3;
const WARM_UP_MESSAGES = 10; // of a topic and turn at most: enough for the compiler, and a loop of ws takes a second for them

// What a client is sent first is acknowledged more often than what follows, which is what the loads are about.
const FIRST_BYTES = 48 * 1024;
const FIRST_TURNS = 4;
const FIRST_MESSAGES_PER_S = 1000;
const MESSAGE_BYTES = 110;

/**
 * A load of a delivery shape.
 *
 * @typedef {{ case: string, perTopic: number, topicsPerTurn?: number, intervalMs: number, forMs: number }} Load
 */

/**
 * One repeat of one peer: its processes are started for the audience, and each load is warmed up, counted in the first
 * repeat, and measured. Counting costs time, so it has turns of its own.
 *
 * @param {string} peer
 * @param {{ audience: import('./pair.mjs').Audience, loads: Load[], env?: Record<string, string> }} what
 * @param {{ pinned: object, options: object, repeat: number, shape: string }} run
 */
export async function deliver(peer, { audience, loads, env }, { pinned, options, repeat, shape }) {
  const subprotocol =
    audience.subprotocol ?? (options.batched && peer === OURS ? 'fanout.v1.json' : undefined);
  const pair = await start(peer, { pinned, audience: { ...audience, subprotocol }, env });
  const timeout = { loadTimeoutMs: LOAD_TIMEOUT_MS };
  try {
    const rows = [];
    if (peer === OURS) await acquaint(pair, timeout);
    for (const { case: name, perTopic, topicsPerTurn, intervalMs, forMs } of loads) {
      const few = Math.min(perTopic, WARM_UP_MESSAGES);
      const warmUp = await measure(
        pair,
        { perTopic: few, topicsPerTurn, intervalMs, minTurns: WARM_UP_TURNS },
        timeout,
      );
      const profiled = options.profile && peer === OURS && repeat === 0;
      if (profiled) await pair.server.call('startProfile');
      const result = await measure(pair, { perTopic, topicsPerTurn, intervalMs, forMs }, timeout);
      if (profiled) await pair.server.call('stopProfile', { file: profileFile(`${shape}-${name}`) });
      // Last: what a client is sent at first is acknowledged more often than what follows.
      const counted = repeat === 0 ? await count(pair, { perTopic, topicsPerTurn, intervalMs }, timeout) : {};
      const row = { case: name, ...figures(result, pair.audience), ...counted, ...pair.memory };
      // What went wrong before the measured seconds went wrong too.
      const before = faults(warmUp);
      rows.push({ ...row, lost: row.lost + before.lost, wrong: row.wrong + before.wrong });
    }
    return rows;
  } finally {
    await pair.stop();
  }
}

/** Sends what makes the server know the line of each client. */
async function acquaint(pair, timeout) {
  const { topicsPerConnection = 1, payloadBytes = 0 } = pair.audience;
  const messages = FIRST_BYTES / Math.max(MESSAGE_BYTES, payloadBytes) / FIRST_TURNS;
  const perTopic = Math.max(1, Math.ceil(messages / topicsPerConnection));
  const intervalMs = (1000 * messages) / FIRST_MESSAGES_PER_S;
  await measure(pair, { perTopic, intervalMs, minTurns: FIRST_TURNS }, timeout);
}

/** One turn in which socket writes, encodings and the longest block of the loop are taken. */
async function count(pair, load, timeout) {
  await pair.server.call('startCounting');
  await pair.server.call('startLoopWatch');
  const { published, server } = await measure(pair, load, timeout);
  const { longestBlockMs } = await pair.server.call('stopLoopWatch');
  const { writes, encodes } = await pair.server.call('stopCounting');
  // Servers that do not write through Node are not seen.
  if (writes === 0) return { longestBlockMs };
  return {
    longestBlockMs,
    writesPerConnection: writes / pair.audience.connections / published.turns,
    writesPerPublication: writes / published.messages,
    encodesPerPublication: encodes / published.messages,
    slabsPerPublication: server.slabs / published.messages,
  };
}

function profileFile(name) {
  const file = name.replaceAll(/[^\w-]+/g, '-');
  return fileURLToPath(new URL(`../results/${file}.cpuprofile`, import.meta.url));
}
