// The well-known improvement on the loop of Nest applications: the text is made once. But ws still frames and writes
// it for each client: one system call a delivery.
import { publication, topicName } from '../message.mjs';
import { serveWs } from './ws-server.mjs';

await serveWs((clients, topic, messages, firstSeq) => {
  const name = topicName(topic);
  const texts = messages.map((message, i) => JSON.stringify(publication(name, firstSeq + i, message)));
  // Client by client is about 10 % cheaper than message by message, as what belongs to a socket is then still in the
  // cache: the kinder order is taken for this peer.
  for (const client of clients) {
    if (client.readyState !== client.OPEN) continue;
    for (const text of texts) client.send(text);
  }
});
