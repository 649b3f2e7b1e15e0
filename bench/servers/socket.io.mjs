// Socket.IO 4: a room for each topic, over WebSocket from the start and without compression, as its own advice for many
// clients has it. The adapter of one process encodes a packet once for all who are in the room.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Server } from 'socket.io';
import { PATH, publication, topicName } from '../message.mjs';
import { subscribedTo } from './progress.mjs';
import { serve } from './serve.mjs';

const http = createServer();
const io = new Server(http, { path: PATH, transports: ['websocket'], perMessageDeflate: false });
io.on('connection', socket => {
  socket.on('subscribe', ({ topics }) => {
    for (const topic of topics) {
      socket.join(topic);
      socket.emit('subscribed', subscribedTo(topic));
    }
  });
});
http.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
await once(http, 'listening');

serve({
  port: http.address().port,
  publish(topic, messages, firstSeq) {
    const name = topicName(topic);
    for (let i = 0; i < messages.length; i++) {
      io.to(name).emit('m', publication(name, firstSeq + i, messages[i]));
    }
  },
});
