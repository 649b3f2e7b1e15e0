// The floor. No WebSocket library, no topics, no heartbeat, no care for slow clients: ready bytes, and one socket.write
// for each connection and turn. What fanout costs above this is what fanout itself costs.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { publication, topicIndex, topicName } from '../message.mjs';
import { frames } from './frames.mjs';
import { subscribedTo } from './progress.mjs';
import { serve } from './serve.mjs';
import { unmasked } from './unmasked.mjs';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455, 1.3

/** The topics of each socket, by number. */
const topicsOf = new Map();
/** The bytes of this turn, by topic. */
const pending = [];

const server = createServer({ noDelay: true }, socket => {
  socket.on('error', () => {});
  socket.on('close', () => topicsOf.delete(socket));
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
    socket.once('data', frame => {
      const { data } = JSON.parse(unmasked(frame));
      const topics = data.topics ?? [data.topic];
      topicsOf.set(socket, topics.map(topicIndex));
      socket.write(
        frames(topics.map(topic => JSON.stringify({ event: 'subscribed', data: subscribedTo(topic) }))),
      );
    });
  });
});

/** What one socket gets of this turn: the bytes of its one topic as they are, of several copied behind each other. */
function bytesFor(topics) {
  const parts = topics.length === 1 ? topics : topics.filter(topic => pending[topic] !== undefined);
  return parts.length === 1 ? pending[parts[0]] : Buffer.concat(parts.map(topic => pending[topic]));
}

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
await once(server, 'listening');
serve({
  port: server.address().port,
  publish(topic, messages, firstSeq) {
    const name = topicName(topic);
    pending[topic] = frames(
      messages.map((message, i) => JSON.stringify(publication(name, firstSeq + i, message))),
    );
  },
  endTurn() {
    for (const [socket, topics] of topicsOf) {
      const bytes = bytesFor(topics);
      if (bytes !== undefined && bytes.length > 0) socket.write(bytes);
    }
    pending.length = 0;
  },
});
