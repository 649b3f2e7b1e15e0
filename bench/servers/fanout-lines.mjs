// The same server with a topic for each policy, and a record of what it knows of the client at each line's end.
import { Connections } from 'nestjs-fanout';
import { eachSecond } from '../lines/each-second.mjs';
import { keyOf, LINES_PATH, POLICIES } from '../lines/topics.mjs';
import { nowUs, topicName } from '../message.mjs';
import { serveFanout } from './fanout-app.mjs';

let app;
const records = [];
const endings = [];

await serveFanout(
  {
    record: () => eachSecond(record),
    /** By the number of the line: [second, lag in ms, bytes written, bytes that the kernel has not taken], and [second, why] of each end. */
    recorded: () => ({ records, endings }),
  },
  created => (app = created),
  { path: LINES_PATH, topics: Object.fromEntries(POLICIES.map(topicOf)), ended },
);

/** With a publication in the history the epoch of a topic stays when its last subscriber is closed. */
function topicOf(slow, i) {
  const conflate = slow === 'conflate' && (data => keyOf(data.seq));
  return [topicName(i), { slow, history: 1, ...(conflate && { conflate }) }];
}

function record(second) {
  for (const { handshake, lag, transport, bufferedBytes } of app.get(Connections)) {
    (records[handshake.params.line] ??= []).push([second, lag, transport.bytesWritten, bufferedBytes]);
  }
}

function ended(client, { code, reason }) {
  const { handshake } = app.get(Connections).of(client);
  (endings[handshake.params.line] ??= []).push([Math.round(nowUs() / 1e6), `${code} ${reason}`.trim()]);
}
