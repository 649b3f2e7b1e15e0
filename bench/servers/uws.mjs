// µWebSockets.js, a WebSocket server in C++ with topics of its own. It is not in the npm registry; the runner leaves it
// out where it cannot be loaded. Publications of one turn are gathered by it into one write for each connection.
import uws from 'uWebSockets.js';
import { PATH, publication, topicName } from '../message.mjs';
import { subscribedTo } from './progress.mjs';
import { serve } from './serve.mjs';

const app = uws.App();
app.ws(PATH, {
  compression: uws.DISABLED,
  maxBackpressure: 2 ** 20, // above that it drops messages; as much as fanout lets a connection have
  message(socket, text) {
    const { data } = JSON.parse(Buffer.from(text).toString());
    for (const topic of data.topics ?? [data.topic]) {
      socket.subscribe(topic);
      socket.send(JSON.stringify({ event: 'subscribed', data: subscribedTo(topic) }));
    }
  },
});
const listening = await new Promise(resolve => app.listen('127.0.0.1', 0, resolve));

serve({
  port: uws.us_socket_local_port(listening),
  publish(topic, messages, firstSeq) {
    const name = topicName(topic);
    for (let i = 0; i < messages.length; i++) {
      app.publish(name, JSON.stringify(publication(name, firstSeq + i, messages[i])));
    }
  },
});
