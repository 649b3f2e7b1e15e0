import { Session } from 'node:inspector/promises';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Topic } from 'nestjs-fanout';
import { afterEach, describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

@WebSocketGateway()
class Prices {
  @Topic('prices.:symbol')
  price(): void {}
}

/** Name of a file of the library, as source or in an installed package. */
const OURS = /\/(?:lib(?=\/.+\.ts$)|nestjs-fanout\/dist(?:\/cjs)?)\/(.+)\.[jt]s$/;

/** Files of the way, in its order. */
const PATH = [
  'broadcast/topic-broadcaster',
  'json/outgoing',
  'bus/local-path',
  'topic/topic-registry',
  'topic/topic',
  'topic/topic-log',
  'broadcast/flush-scheduler',
  'broadcast/flush-walk',
  'broadcast/topic-batches',
  'wire/batch',
  'protocol/json-formats',
  'wire/frame',
  'topic/subscription',
  'connection/outbox',
];

/** Rooms that only give memory and time, that count, or that look at connections now and then. */
const ROOMS_BESIDE = new Set(['gateway', 'heartbeat', 'memory', 'observe', 'time']);

/** Files that run for the heartbeat, for the client's next ping, or after the write. */
const BESIDE = new Set([
  'connection/connection-registry',
  'connection/socket-connection',
  'connection/web-socket-kind',
  'topic/retention',
  'ws/receiver-state',
]);

const session = new Session();

afterEach(() => session.disconnect());

/** Returns the files of lib whose functions ran since the last call. */
async function filesRun(): Promise<string[]> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const run = result.filter(({ functions }) =>
    functions.some(({ functionName, ranges }) => functionName !== '' && ranges[0]!.count > 0),
  );
  const files = run.map(({ url }) => OURS.exec(url)?.[1]).filter(file => file !== undefined);
  const roomOf = (file: string): string => file.slice(0, file.indexOf('/'));
  return [...new Set(files)].filter(file => !ROOMS_BESIDE.has(roomOf(file)) && !BESIDE.has(file));
}

describe('the way from publish() to the socket', () => {
  // A TLS socket takes the bytes later, so that each batch is held, and a few more files run.
  it.skipIf(process.env.FANOUT_TLS)('leads through 14 files', async () => {
    const app = await startApp({ providers: [Prices] });
    const client = await Client.connect(app.url);
    await client.subscribe('prices.A');
    const broadcaster = app.get(Broadcaster);
    broadcaster.publish('prices.A', { price: 1 });
    await client.until(() => client.publications('prices.A').length === 1);

    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    await filesRun();
    broadcaster.publish('prices.A', { price: 2 });
    await client.until(() => client.publications('prices.A').length === 2);
    const files = await filesRun();

    expect(files.sort()).toEqual([...PATH].sort());
  });
});
