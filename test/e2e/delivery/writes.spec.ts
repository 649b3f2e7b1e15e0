import net from 'node:net';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, Topic } from 'nestjs-fanout';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { RawClient } from '../../support/raw-client.js';

@WebSocketGateway()
class Gateway {
  constructor(readonly connections: Connections) {}

  @Topic('topic.:n')
  topic(): void {}

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return data;
  }

  @SubscribeMessage('later')
  async later(@MessageBody() data: unknown): Promise<unknown> {
    await Promise.resolve();
    return data;
  }
}

type Write = (this: net.Socket, ...args: unknown[]) => void;

/** Buffers handed to the system in each write, by the peer's port; `_write` and `_writev` are one system call each. */
const writes = new Map<number | undefined, number[]>();

beforeEach(() => {
  writes.clear();
  const { prototype } = net.Socket as unknown as { prototype: { _write: Write; _writev: Write } };
  const { _write, _writev } = prototype;
  const count = (socket: net.Socket, buffers: number): void => {
    writes.set(socket.remotePort, [...(writes.get(socket.remotePort) ?? []), buffers]);
  };
  prototype._write = function (chunk, ...rest) {
    if ((chunk as Buffer).length > 0) count(this, 1);
    _write.call(this, chunk, ...rest);
  };
  prototype._writev = function (chunks, ...rest) {
    count(this, (chunks as unknown[]).length);
    _writev.call(this, chunks, ...rest);
  };
  onTestFinished(() => void Object.assign(prototype, { _write, _writev }));
});

const TOPICS = Array.from({ length: 20 }, (_, n) => `topic.${n}`);

async function start() {
  const { url, get } = await startApp({ providers: [Gateway], options: { heartbeat: false } });
  return { url, broadcaster: get(Broadcaster), connections: get(Connections) };
}

/** What the server wrote to a client since the last look. */
function writesTo(client: Client | RawClient): number[] {
  const { localPort } = (
    client instanceof Client ? (client.socket as unknown as { _socket: net.Socket })._socket : client.socket
  ) as net.Socket;
  const found = writes.get(localPort) ?? [];
  writes.delete(localPort);
  return found;
}

async function subscribeToAll(client: Client): Promise<void> {
  client.send({ event: 'subscribe', data: { topics: TOPICS } });
  await client.until(() => client.frames.length === TOPICS.length);
}

describe('a flush', () => {
  it('is one write of one buffer for each connection, with any number of topics and publications', async () => {
    const { url, broadcaster } = await start();
    const clients = [
      await Client.connect(url),
      await Client.connect(url, ['fanout.v1.json']),
      await Client.connect(url),
    ];
    for (const client of clients) await subscribeToAll(client);
    await broadcaster.flush();
    clients.forEach(writesTo);
    for (let flush = 1; flush <= 3; flush++) {
      for (let i = 0; i < 5; i++)
        for (const topic of TOPICS) broadcaster.publish(topic, { i, text: 'x'.repeat(100) });
      const frames = TOPICS.length * (1 + 5 * flush);
      for (const client of clients) await client.until(() => client.frames.length === frames);
      for (const client of clients) expect(writesTo(client)).toEqual([1]);
    }
  });

  it('is one write of one buffer for one topic', async () => {
    const { url, broadcaster } = await start();
    const clients = [await Client.connect(url), await Client.connect(url)];
    for (const client of clients) await client.subscribe('topic.1');
    await broadcaster.flush();
    clients.forEach(writesTo);
    for (let i = 0; i < 100; i++) broadcaster.publish('topic.1', i);
    for (const client of clients) await client.until(() => client.publications('topic.1').length === 100);
    for (const client of clients) expect(writesTo(client)).toEqual([1]);
  });

  it('writes nothing to those who are not subscribed', async () => {
    const { url, broadcaster } = await start();
    const [subscriber, other] = [await Client.connect(url), await Client.connect(url)];
    await subscriber.subscribe('topic.1');
    await other.subscribe('topic.2');
    await broadcaster.flush();
    writesTo(other);
    broadcaster.publish('topic.1', 1);
    await subscriber.until(() => subscriber.publications('topic.1').length === 1);
    expect(writesTo(other)).toEqual([]);
  });
});

describe('what leaves in one turn of the loop', () => {
  it.each(['echo', 'later'])(
    'is one write of one buffer: the answers of %s to ten requests in one chunk',
    async event => {
      const { url } = await start();
      const client = await RawClient.connect(url);
      writesTo(client);
      client.send(
        ...Array.from({ length: 10 }, (_, id) => ({ event, id, data: { event: 'answer', data: id } })),
      );
      await client.until(() => client.frames.length === 10);
      expect(client.texts.map(text => JSON.parse(text).id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(writesTo(client)).toEqual([1]);
    },
  );

  it('is one write of one buffer: the answers to a subscribe of twenty topics', async () => {
    const { url } = await start();
    const client = await RawClient.connect(url);
    writesTo(client);
    client.send({ event: 'subscribe', data: { topics: TOPICS } });
    await client.until(() => client.frames.length === TOPICS.length);
    expect(writesTo(client)).toEqual([1]);
  });

  it('is one write of one buffer: several sends to one connection', async () => {
    const { url, connections } = await start();
    const client = await Client.connect(url);
    await client.request('ping');
    writesTo(client);
    const [connection] = connections;
    for (let i = 0; i < 7; i++) connection!.send('n', i);
    await client.until(() => client.frames.length === 8);
    expect(writesTo(client)).toEqual([1]);
  });
});
