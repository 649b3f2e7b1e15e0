// The client process: opens the connections, counts what comes, and answers the runner's questions.
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { layout, nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { Connection } from './connection.mjs';
import { Cursors } from './cursors.mjs';
import { DIALECTS } from './dialects.mjs';
import { newTally } from './frame-counter.mjs';
import { SharedInflater } from './shared-inflater.mjs';

const UPGRADES_AT_ONCE = 256; // enough to keep the server busy, well under its backlog
const LATENCY_SAMPLES = 100; // connections, evenly spread: a reading of the clock for every message would cost more than the parsing
const POLL_MS = 5;

const tally = newTally();
const latency = createHistogram();
const failures = [];
const connections = [];
let open;
let cursors;
let inflater;
let wireBytesBefore = 0;

answer({ connect, churn, stall, wait, begin, usage: () => usage(nowUs), close });

/** @param {{ port: number, audience: import('../measure/pair.mjs').Audience, dialect: string }} target */
function prepare({ port, audience, dialect }, { late }) {
  const { subprotocol, extensions, payloadBytes } = audience;
  cursors = new Cursors({ ...audience, perConnection: audience.topicsPerConnection }, { late });
  inflater = extensions === undefined ? undefined : new SharedInflater(audience.connections);
  const target = { port, dialect: DIALECTS[dialect], subprotocol, extensions };
  const reading = { tally, cursors, layout: layout(payloadBytes), dialect: target.dialect };
  const every = Math.max(1, Math.floor(audience.connections / LATENCY_SAMPLES));
  open = number =>
    new Connection(number, target, reading, {
      onStamp: number % every === 0 ? at => latency.record(Math.max(1, nowUs() - at)) : undefined,
      onFailure: error => failures.push(error.message),
      onCompressed: inflater?.read,
    });
}

async function connect(target) {
  prepare(target, { late: false });
  const opening = new Set();
  for (let i = 0; i < target.audience.connections; i++) {
    const connection = open(i);
    connections.push(connection);
    opening.add(connection.ready);
    connection.ready.then(() => opening.delete(connection.ready)).catch(() => {});
    if (opening.size >= UPGRADES_AT_ONCE) await Promise.race(opening);
  }
  await Promise.all(opening);
}

/**
 * Clients that come, stay for a while and go, `perSecond` of them. `audience.connections` must be more than are there
 * at once, as their numbers are used again.
 */
async function churn({ perSecond, stayMs, forMs, ...target }) {
  prepare(target, { late: true });
  const from = performance.now();
  const visits = [];
  for (let due = 0; due < forMs; due += 1000 / perSecond) {
    const early = from + due - performance.now();
    if (early > 0) await sleep(early);
    visits.push(visit(open(visits.length % target.audience.connections), stayMs));
  }
  await Promise.all(visits);
  return { ...tally, visits: visits.length, failures: failures.length, firstFailure: failures[0] };
}

async function visit(connection, stayMs) {
  await connection.ready.catch(() => {}); // counted as a failure
  await sleep(stayMs);
  connection.close();
  await connection.closed;
}

/** Slow readers: all of them read nothing for a while, then again for a while. Those that were closed are the failures. */
async function stall({ pauseMs, readMs, forMs }) {
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    for (const connection of connections) connection.pause();
    await sleep(pauseMs);
    for (const connection of connections) connection.resume();
    await sleep(readMs);
  }
}

/** A new load: its faults and latencies are its own. What came is counted on, as sequence numbers go on. */
function begin() {
  latency.reset();
  tally.lost = tally.repeated = tally.malformed = 0;
  wireBytesBefore = tally.wireBytes;
}

/**
 * Waits until every connection has the publication with this sequence number of each of its topics, and reports what
 * came. It ends at `timeoutMs` too: what has not come by then is lost.
 */
async function wait({ lastSeq, timeoutMs }) {
  const giveUp = nowUs() + timeoutMs * 1000;
  const wanted = lastSeq * cursors.next.length;
  while (tally.publications < wanted && nowUs() < giveUp && failures.length === 0) await sleep(POLL_MS);
  const at = nowUs();

  // What was seen to be missing is counted as it happens; here is added what never came at the end.
  const unseen = connections.reduce((sum, { number }) => sum + cursors.missing(number, lastSeq), 0);
  const bytes = connections.map(connection => connection.bytes);
  return {
    at,
    ...tally,
    wireBytes: tally.wireBytes - wireBytesBefore,
    lost: tally.lost + unseen,
    unequalBytes: bytes.filter(count => count !== bytes[0]).length,
    failures: failures.length,
    firstFailure: failures[0],
    p50: latency.percentile(50) / 1000,
    p99: latency.percentile(99) / 1000,
    p999: latency.percentile(99.9) / 1000,
    max: latency.max / 1000,
    sampled: latency.count,
    inflated: inflater?.inflated,
  };
}

async function close() {
  for (const connection of connections) connection.close();
  await Promise.all(connections.map(connection => connection.closed));
}
