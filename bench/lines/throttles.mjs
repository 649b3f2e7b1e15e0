// The process of the throttled lines: a port for each, and what connects there gets to the target slowly.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { OneWay } from './one-way.mjs';

const lines = [];

answer({ open, changeRates, usage: () => usage(nowUs) });

/**
 * A line to a port of this machine.
 *
 * @typedef {object} ThrottledLine
 * @property {number} target the port
 * @property {number} bytesPerSecond
 * @property {number} [laterBytesPerSecond] after `changeRates`
 * @property {number} delayMs one way
 * @property {number} bufferBytes what is read ahead before the throttle, and again behind it
 */

/**
 * @param {ThrottledLine} line
 * @returns {Promise<number>} the port on which it begins
 */
async function open({ target, ...line }) {
  lines.push(line);
  line.ways = new Set();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, client => {
    const upstream = connect({ host: '127.0.0.1', port: target, noDelay: true, allowHalfOpen: true });
    // Who is cut off is told by `close`, which follows.
    for (const socket of [client, upstream]) socket.on('error', () => {});
    const ways = [new OneWay(upstream, client, line), new OneWay(client, upstream, line)];
    for (const way of ways) {
      way.begin();
      line.ways.add(way);
    }
    // The other way round, what the server has sent before it went still arrives.
    client.on('close', () => {
      upstream.destroy();
      for (const way of ways) line.ways.delete(way);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

/** Lines that have a later rate have it from now on. */
function changeRates() {
  for (const line of lines) {
    line.bytesPerSecond = line.laterBytesPerSecond ?? line.bytesPerSecond;
    for (const way of line.ways) way.setRate(line.bytesPerSecond);
  }
}
