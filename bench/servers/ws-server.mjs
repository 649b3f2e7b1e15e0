import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { PATH } from '../message.mjs';
import { subscribedTo } from './progress.mjs';
import { serve } from './serve.mjs';
import { Subscribers } from './subscribers.mjs';

/**
 * A bare `ws` server, as an application without this library has it.
 *
 * @param {(subscribers: Set<any>, topic: number, messages: object[], firstSeq: number) => void} publish
 * @param {{ subscriber?: (client: import('ws').WebSocket, request: import('node:http').IncomingMessage) => any, options?: object, endTurn?: () => Promise<void> }} more
 *   what is kept of a client, itself if nothing is said; and options of the server; `endTurn` of `serve`
 */
export async function serveWs(publish, { subscriber = client => client, options = {}, endTurn } = {}) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: PATH, backlog: 4096, ...options });
  const subscribers = new Subscribers();
  server.on('connection', (client, request) => {
    const kept = subscriber(client, request);
    client.on('message', text => {
      const { data } = JSON.parse(text);
      for (const topic of data.topics ?? [data.topic]) {
        subscribers.add(topic, kept);
        client.send(JSON.stringify({ event: 'subscribed', data: subscribedTo(topic) }));
      }
    });
    client.on('error', () => {});
    client.on('close', () => subscribers.delete(kept));
  });
  await once(server, 'listening');
  serve({
    port: server.address().port,
    endTurn,
    publish: (topic, messages, firstSeq) => publish(subscribers.of(topic), topic, messages, firstSeq),
  });
}
