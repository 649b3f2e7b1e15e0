// Peer (iii): the floor. No WebSocket library, no topics, no heartbeat, no care for slow clients: ready bytes, and one
// socket.write for each connection and flush. What fanout costs above this is what fanout itself costs.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { publication, SUBSCRIBED } from '../message.mjs';
import { serve } from './serve.mjs';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455, 1.3
const subscribed = frames([SUBSCRIBED]);
const sockets = new Set();

const server = createServer({ noDelay: true }, socket => {
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  // The benchmark's client sends its request in one piece, and then one subscribe frame.
  socket.once('data', request => {
    const key = /^sec-websocket-key: (.+)\r$/im.exec(request.toString('latin1'))[1];
    const accept = createHash('sha1')
      .update(key + GUID)
      .digest('base64');
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.once('data', () => {
      socket.write(subscribed);
      sockets.add(socket);
    });
  });
});

/** Unmasked text frames one behind the other. A fresh buffer, as a slow socket may hold on to it past this turn. */
function frames(texts) {
  return Buffer.concat(
    texts.flatMap(text => {
      const payload = Buffer.from(text);
      const header =
        payload.length < 126
          ? [0x81, payload.length]
          : [0x81, 126, payload.length >> 8, payload.length & 255];
      return [Buffer.from(header), payload];
    }),
  );
}

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
await once(server, 'listening');
serve({
  port: server.address().port,
  publish(messages, firstSeq) {
    const bytes = frames(messages.map((message, i) => JSON.stringify(publication(firstSeq + i, message))));
    for (const socket of sockets) socket.write(bytes);
  },
});
