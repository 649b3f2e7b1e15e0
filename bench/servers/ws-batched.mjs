// ws-framed with the frames of a topic and turn behind each other: a socket.write for each client and topic. What is left
// to win over it is the other topics of a client.
import { publication, topicName } from '../message.mjs';
import { frames } from './frames.mjs';
import { serveWs } from './ws-server.mjs';

await serveWs(
  (sockets, topic, messages, firstSeq) => {
    const name = topicName(topic);
    const batch = frames(
      messages.map((message, i) => JSON.stringify(publication(name, firstSeq + i, message))),
    );
    for (const socket of sockets) {
      if (socket.writable) socket.write(batch);
    }
  },
  { subscriber: (client, request) => request.socket },
);
