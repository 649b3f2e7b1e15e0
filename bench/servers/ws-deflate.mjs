// ws with permessage-deflate, its defaults but for the threshold: the text is made once, and compressed for each client.
import { publication, topicName } from '../message.mjs';
import { serveWs } from './ws-server.mjs';

let unsent = 0;
let turnSent = () => {};

const sent = () => {
  if (--unsent === 0) turnSent();
};

await serveWs(
  (clients, topic, messages, firstSeq) => {
    const name = topicName(topic);
    const texts = messages.map((message, i) => JSON.stringify(publication(name, firstSeq + i, message)));
    for (const client of clients) {
      if (client.readyState !== client.OPEN) continue;
      unsent += texts.length;
      for (const text of texts) client.send(text, sent);
    }
  },
  {
    options: { perMessageDeflate: { threshold: 0 } },
    // It compresses in the background: without this, turns would pile up behind it.
    endTurn: () => new Promise(resolve => (unsent === 0 ? resolve() : (turnSent = resolve))),
  },
);
