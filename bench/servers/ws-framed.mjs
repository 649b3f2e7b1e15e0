// ws for the upgrade only: the frame is made once and written to the TCP socket, each by itself.
import { publication, topicName } from '../message.mjs';
import { frames } from './frames.mjs';
import { serveWs } from './ws-server.mjs';

await serveWs(
  (sockets, topic, messages, firstSeq) => {
    const name = topicName(topic);
    const framed = messages.map((message, i) =>
      frames([JSON.stringify(publication(name, firstSeq + i, message))]),
    );
    for (const socket of sockets) {
      if (!socket.writable) continue;
      for (const frame of framed) socket.write(frame);
    }
  },
  { subscriber: (client, request) => request.socket },
);
