import { PATH } from '../message.mjs';

/**
 * How a server is spoken to. `hello` is sent when the upgrade is done, unless it must wait for the server's own; `onText`
 * gets every text frame that is no publication, and gives back what it means: `subscribed` answers, or a `reply` to send.
 */
export const DIALECTS = {
  /** Nest's `{ event, data }`: fanout's, and that of all peers but one. */
  nest: {
    target: PATH,
    envelope: 0,
    envelopeEnd: 0,
    hello: subscribeFrame,
    onText(text) {
      const { event, data } = JSON.parse(text);
      return event === 'subscribed' ? { subscribed: data } : undefined;
    },
  },
  /** Engine.IO 4 and Socket.IO 5 over it: digits that tell the kind of packet, then JSON. */
  'socket.io': {
    target: `${PATH}/?EIO=4&transport=websocket`,
    envelope: '42["m",'.length,
    envelopeEnd: ']'.length,
    hello: () => undefined,
    onText(text, topics) {
      if (text === '2') return { reply: '3' }; // Engine.IO's own ping and pong
      if (text.startsWith('0{')) return { reply: '40' };
      if (text.startsWith('40')) return { reply: `42${JSON.stringify(['subscribe', { topics }])}` };
      if (!text.startsWith('42')) return undefined;
      const [event, data] = JSON.parse(text.slice(2));
      return event === 'subscribed' ? { subscribed: data } : undefined;
    },
  },
};

function subscribeFrame(topics) {
  return JSON.stringify({
    event: 'subscribe',
    data: topics.length === 1 ? { topic: topics[0] } : { topics },
  });
}
