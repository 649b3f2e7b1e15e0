// `ws` and nothing else: the least a WebSocket server in Node can hold for a connection, or spend on accepting one.
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { PATH } from '../message.mjs';
import { serve } from './serve.mjs';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: PATH, backlog: 511 });
server.on('connection', client => {
  client.on('message', message => client.send(message));
  client.on('error', () => {});
});
await once(server, 'listening');

serve({ port: server.address().port, publish() {} });
