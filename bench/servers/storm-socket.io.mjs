// Peer: Socket.IO 4, its rooms, over WebSocket from the start and without compression.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { STORM_PATH } from '../storm-topics.mjs';
import { answerOnly } from './answer-only.mjs';

const http = createServer();
const io = new Server(http, { path: STORM_PATH, transports: ['websocket'], perMessageDeflate: false });
io.on('connection', socket => {
  socket.on('subscribe', (topics, answer) => {
    socket.join(topics);
    answer();
  });
  socket.on('unsubscribe', (topics, answer) => {
    for (const topic of topics) socket.leave(topic);
    answer();
  });
});
http.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
await once(http, 'listening');

answerOnly(http.address().port, {
  leftBehind() {
    const { rooms, sids } = io.sockets.adapter;
    // Each socket has a room of its own.
    const own = sids.size;
    return {
      topics: rooms.size - own,
      subscriptions: [...sids.values()].reduce((sum, { size }) => sum + size, 0) - own,
    };
  },
});
