import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';

const LATENCY_SAMPLES = 50; // connections: a reading of the clock for every request would cost more than the request
const POLL_MS = 5;

/**
 * The client process of the shapes that saturate a server: a number of connections that ask again when they are answered.
 *
 * A connection has `opened`, `begin(load)`, `stop()` and `waiting`, what it has asked for and not got. It counts in `tally`.
 *
 * @param {(port: number, tally: { done: number, wrong: number }, hooks: {
 *   index: number, onRoundTrip?: (us: number) => void, onFailure: (error: Error) => void }, target: object) => object} newConnection
 */
export function answerWith(newConnection) {
  const tally = { done: 0, wrong: 0 };
  const roundTrips = createHistogram();
  const failures = [];
  const connections = [];

  async function connect({ port, count, ...target }) {
    const every = Math.max(1, Math.floor(count / LATENCY_SAMPLES));
    for (let index = 0; index < count; index++) {
      const onRoundTrip = index % every === 0 ? us => roundTrips.record(Math.max(1, us)) : undefined;
      const onFailure = error => failures.push(error.message);
      const connection = newConnection(port, tally, { index, onRoundTrip, onFailure }, target);
      connections.push(connection);
      await connection.opened;
    }
  }

  function begin(load) {
    for (const connection of connections) connection.begin(load);
  }

  /** The state of now; two of these make a rate. Latency counts from one to the next. */
  function mark() {
    const millis = share => roundTrips.percentile(share) / 1000;
    const state = { ...usage(nowUs), done: tally.done, p50: millis(50), p99: millis(99), p999: millis(99.9) };
    roundTrips.reset();
    return state;
  }

  /** Begins nothing more, and waits for what is under way: what has not come by then is lost. */
  async function stop({ timeoutMs }) {
    for (const connection of connections) connection.stop();
    const waiting = () => connections.reduce((sum, connection) => sum + connection.waiting, 0);
    const giveUp = nowUs() + timeoutMs * 1000;
    while (waiting() > 0 && nowUs() < giveUp && failures.length === 0) await sleep(POLL_MS);
    return {
      lost: waiting(),
      wrong: tally.wrong,
      failures: failures.length,
      firstFailure: failures[0],
    };
  }

  answer({ connect, begin, mark, stop });
}
