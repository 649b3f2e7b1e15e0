import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { PATH, SUBSCRIBED } from '../message.mjs';
import { serve } from './serve.mjs';

/**
 * A bare `ws` server, as an application without this library has it.
 *
 * @param {(clients: Set<import('ws').WebSocket>, messages: object[], firstSeq: number) => void} publish
 */
export async function serveWs(publish) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: PATH, backlog: 4096 });
  server.on('connection', socket => {
    socket.on('message', () => socket.send(SUBSCRIBED));
    socket.on('error', () => {});
  });
  await once(server, 'listening');
  serve({
    port: server.address().port,
    publish: (messages, firstSeq) => publish(server.clients, messages, firstSeq),
  });
}
