// Peer (ii): the well-known improvement, and what the ratios of the report are against. The text is made once, but ws
// still frames and writes it for each client: one system call a delivery.
import { publication } from '../message.mjs';
import { serveWs } from './ws-server.mjs';

await serveWs((clients, messages, firstSeq) => {
  const texts = messages.map((message, i) => JSON.stringify(publication(firstSeq + i, message)));
  for (const client of clients) {
    if (client.readyState !== client.OPEN) continue;
    for (const text of texts) client.send(text);
  }
});
