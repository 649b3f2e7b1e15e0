// The client process of the echo shape: keeps messages in flight on every connection and checks each reply.
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { EchoConnection, newTally } from './echo-connection.mjs';

const LATENCY_SAMPLES = 50; // connections: a reading of the clock for every message would cost more than the message
const POLL_MS = 5;

const tally = newTally();
const roundTrips = createHistogram();
const failures = [];
const connections = [];

answer({ connect, begin, mark, stop, close });

async function connect({ port, count }) {
  const every = Math.max(1, Math.floor(count / LATENCY_SAMPLES));
  for (let i = 0; i < count; i++) {
    const connection = new EchoConnection(port, tally, {
      onRoundTrip: i % every === 0 ? us => roundTrips.record(Math.max(1, us)) : undefined,
      onFailure: error => failures.push(error.message),
    });
    connections.push(connection);
    await connection.opened;
  }
}

function begin({ event, inFlight }) {
  for (const connection of connections) connection.begin(event, inFlight);
}

/** The state of now; two of these make a rate. Latency counts from here. */
function mark() {
  roundTrips.reset();
  return { ...usage(nowUs), replies: tally.replies };
}

/** Sends no more, waits for what is under way, and reports. */
async function stop({ timeoutMs }) {
  const report = {
    ...usage(nowUs),
    replies: tally.replies,
    p50: roundTrips.percentile(50) / 1000,
    p99: roundTrips.percentile(99) / 1000,
    p999: roundTrips.percentile(99.9) / 1000,
  };
  for (const connection of connections) connection.stop();
  const inFlight = () => connections.reduce((sum, connection) => sum + connection.inFlight, 0);
  const giveUp = nowUs() + timeoutMs * 1000;
  while (inFlight() > 0 && nowUs() < giveUp && failures.length === 0) await sleep(POLL_MS);
  return {
    ...report,
    lost: inFlight(),
    wrong: tally.wrong,
    failures: failures.length,
    firstFailure: failures[0],
  };
}

async function close() {
  for (const connection of connections) connection.close();
  await Promise.all(connections.map(connection => connection.closed));
}
