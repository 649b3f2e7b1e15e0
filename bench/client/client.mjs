// The client process: opens the connections, counts what comes, and answers the runner's questions.
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { Connection } from './connection.mjs';
import { newTally } from './frame-counter.mjs';

const UPGRADES_AT_ONCE = 256; // enough to keep the server busy, well under its backlog
const LATENCY_SAMPLES = 100; // connections, evenly spread: a reading of the clock for every message would cost more than the parsing
const POLL_MS = 5;

const tally = newTally();
const latency = createHistogram();
const failures = [];
const connections = [];

answer({ connect, wait, begin, usage: () => usage(nowUs), close });

async function connect({ port, count, subprotocol }) {
  const every = Math.max(1, Math.floor(count / LATENCY_SAMPLES));
  const opening = new Set();
  for (let i = 0; i < count; i++) {
    const connection = new Connection({ port, subprotocol }, tally, {
      onStamp: i % every === 0 ? at => latency.record(Math.max(1, nowUs() - at)) : undefined,
      onFailure: error => failures.push(error.message),
    });
    connections.push(connection);
    opening.add(connection.ready);
    connection.ready.then(() => opening.delete(connection.ready)).catch(() => {});
    if (opening.size >= UPGRADES_AT_ONCE) await Promise.race(opening);
  }
  await Promise.all(opening);
}

/** A new load: its faults and latencies are its own. What came is counted on, as sequence numbers go on. */
function begin() {
  latency.reset();
  tally.lost = tally.repeated = tally.malformed = 0;
}

/**
 * Waits until every connection has the publication with this sequence number, and reports what came. It ends at
 * `timeoutMs` too: what has not come by then is lost.
 */
async function wait({ lastSeq, timeoutMs }) {
  const giveUp = nowUs() + timeoutMs * 1000;
  const wanted = lastSeq * connections.length;
  while (tally.publications < wanted && nowUs() < giveUp && failures.length === 0) await sleep(POLL_MS);
  const at = nowUs();

  // What was seen to be missing is counted as it happens; here is added what never came at the end.
  const unseen = connections.reduce(
    (sum, { next, base }) => sum + Math.max(0, lastSeq - (next - 1 - base)),
    0,
  );
  const bytes = connections.map(connection => connection.bytes);
  return {
    at,
    ...tally,
    lost: tally.lost + unseen,
    unequalBytes: bytes.filter(count => count !== bytes[0]).length,
    failures: failures.length,
    firstFailure: failures[0],
    p50: latency.percentile(50) / 1000,
    p99: latency.percentile(99) / 1000,
    max: latency.max / 1000,
    sampled: latency.count,
  };
}

async function close() {
  for (const connection of connections) connection.close();
  await Promise.all(connections.map(connection => connection.closed));
}
