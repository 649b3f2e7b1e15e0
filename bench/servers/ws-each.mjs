// Peer (i): what Nest applications do today. Every client gets its own JSON.stringify and its own ws.send.
import { publication } from '../message.mjs';
import { serveWs } from './ws-server.mjs';

await serveWs((clients, messages, firstSeq) => {
  for (const client of clients) {
    if (client.readyState !== client.OPEN) continue;
    for (let i = 0; i < messages.length; i++) {
      client.send(JSON.stringify(publication(firstSeq + i, messages[i])));
    }
  }
});
