// Peer: bare ws and nothing else. No framework in Node can be much cheaper than its WebSocket library.
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { ECHO_PATH } from '../echo-message.mjs';
import { answerOnly } from './answer-only.mjs';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: ECHO_PATH });
server.on('connection', socket => {
  socket.on('error', () => {});
  socket.on('message', bytes => {
    const { event, data } = JSON.parse(bytes);
    if (event === 'echo') socket.send(JSON.stringify({ event: 'echo', data }));
  });
});
await once(server, 'listening');
answerOnly(server.address().port);
