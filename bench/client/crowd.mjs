// The client process of the shapes about connections themselves: opens many at a time, answers pings, and says nothing else.
import { connect as open } from 'node:net';
import { PATH, nowUs, topicName } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { maskedFrame, PONG, TEXT } from './masked-frame.mjs';

const PING = 0x89;
const ANSWER = maskedFrame(PONG, Buffer.alloc(0)); // pings of the servers are empty
const SUBSCRIBE = maskedFrame(
  TEXT,
  Buffer.from(JSON.stringify({ event: 'subscribe', data: { topic: topicName(0) } })),
);

const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);
const sockets = new Set();
const failures = [];
let pings = 0;

answer({ connect, state, usage: () => usage(nowUs), close });

/**
 * Opens `count` connections, `atOnce` of them on their way at any time, and subscribes each to one topic if told so.
 * Answers with the time it took.
 */
async function connect({ port, count, atOnce, subscribe }) {
  // One request for all: to make another key for each would be time of the client's, and the server's work is the same.
  const request = Buffer.from(
    [
      `GET ${PATH} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      '\r\n',
    ].join('\r\n'),
  );
  const startedAt = nowUs();
  let left = count;
  const lane = async () => {
    while (left-- > 0) await join(port, request, subscribe);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { tookUs: nowUs() - startedAt };
}

/** Resolves when the server has accepted, or has answered the subscribe; or when it failed, which is counted. */
function join(port, request, subscribe) {
  return new Promise(resolve => {
    let awaited = subscribe ? ['HTTP/1.1 101 ', 'subscribed'] : ['HTTP/1.1 101 '];
    const onRead = (length, buffer) => {
      if (awaited.length === 0) {
        if (buffer[0] === PING) {
          pings++;
          socket.write(ANSWER);
        }
        return true;
      }
      // Each of the two answers comes in one piece: they are short, and the second is asked for after the first.
      const text = buffer.latin1Slice(0, length);
      if (!text.includes(awaited[0])) socket.destroy(new Error(`unexpected answer: ${text.slice(0, 200)}`));
      awaited = awaited.slice(1);
      if (awaited.length > 0) socket.write(SUBSCRIBE);
      else resolve();
      return true;
    };
    const socket = open({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: { buffer: readBuffer, callback: onRead },
    });
    socket.write(request);
    sockets.add(socket);
    socket.on('error', error => failures.push(error.message));
    socket.on('close', () => {
      // Still known, so it was not us who ended it.
      if (sockets.delete(socket)) failures.push('the server ended a connection');
      resolve();
    });
  });
}

function state() {
  return { pings, failures: failures.length, firstFailure: failures[0] };
}

/** Resets them all, which is quick: the end is not what is measured. */
async function close() {
  const ending = [...sockets];
  sockets.clear();
  await Promise.all(
    ending.map(
      socket =>
        new Promise(resolve => {
          socket.once('close', resolve);
          socket.resetAndDestroy();
        }),
    ),
  );
}
