// The process of the throttled lines: a port for each, and what connects there gets to the target slowly.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { OneWay } from './one-way.mjs';

answer({ open, usage: () => usage(nowUs) });

/**
 * @param {{ target: number, bytesPerSecond: number, delayMs: number, bufferBytes: number }} wanted `target` is a port of this machine
 * @returns {Promise<number>} the port on which the line begins
 */
async function open({ target, ...line }) {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, client => {
    const upstream = connect({ host: '127.0.0.1', port: target, noDelay: true, allowHalfOpen: true });
    // Who is cut off is told by `close`, which follows.
    for (const socket of [client, upstream]) socket.on('error', () => {});
    new OneWay(upstream, client, line).begin();
    new OneWay(client, upstream, line).begin();
    // The other way round, what the server has sent before it went still arrives.
    client.on('close', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}
