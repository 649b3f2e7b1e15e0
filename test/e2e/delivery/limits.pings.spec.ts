import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, type Connection, Connections, FanoutMetrics, type FanoutOptions } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { masked, RawClient } from '../../support/raw-client.js';

@WebSocketGateway({ path: '/' })
class Gateway {
  @SubscribeMessage('work')
  work(): string {
    return 'done';
  }
}

@WebSocketGateway({ path: '/silent', autoPong: false })
class Silent {}

@WebSocketGateway({ path: '/of-ws', autoPong: true })
class OfWs {}

const PING = masked(0x89, Buffer.from('p'.repeat(125)));

async function start(limits: FanoutOptions['limits'] = {}, options: FanoutOptions = {}) {
  const { url, get } = await startApp({
    providers: [Gateway, Silent, OfWs],
    options: { limits, ...options },
  });
  const [metrics, connections] = [get(FanoutMetrics), get(Connections)];
  return {
    url,
    connections,
    rejected: (): number => metrics.rejected.pings,
    connect: (path = '/') => Client.connect(url + path),
  };
}

/** Pongs that come before the answer to a request which is sent now. */
async function pongs(client: Client): Promise<string[]> {
  const seen: string[] = [];
  client.socket.on('pong', data => seen.push(String(data)));
  return client.request('ping').then(() => seen);
}

describe('a ping', () => {
  it('is answered with what it says', async () => {
    const { connect } = await start();
    const client = await connect();
    for (const data of ['', 'a', 'x'.repeat(125)]) client.socket.ping(data);
    expect(await pongs(client)).toEqual(['', 'a', 'x'.repeat(125)]);
  });

  it('is answered before the connection is ready and while a handler runs', async () => {
    let go!: () => void;
    const waits = new Promise<void>(resolve => (go = resolve));
    @WebSocketGateway()
    class Waiting {
      async handleConnection(): Promise<void> {
        await waits;
      }
    }
    const { url } = await startApp({ providers: [Waiting] });
    const client = await Client.connect(url);
    const answered = new Promise(resolve => client.socket.once('pong', resolve));
    client.socket.ping();
    await answered;
    go();
  });

  it('is a sign of life', async () => {
    const { connect, connections } = await start();
    const client = await connect();
    const [connection] = [...connections];
    const before = connection!.lastSeen;
    await new Promise(resolve => {
      client.socket.once('pong', resolve);
      client.socket.ping();
    });
    expect(connection!.lastSeen).toBeGreaterThan(before);
  });

  it.each([
    ['not answered', '/silent', 0],
    ['answered once, by ws,', '/of-ws', 1],
  ])('is %s where the gateway says so', async (_, path, count) => {
    const { connect } = await start();
    const client = await connect(path);
    client.socket.ping();
    expect(await pongs(client)).toHaveLength(count);
  });
});

describe('limits.pingsPerSecond', () => {
  it('closes who sends more than twice as many at once with CLOSE.PING_FLOOD', async () => {
    const { connect, rejected } = await start({ pingsPerSecond: 1 });
    const [flood, healthy] = [await connect(), await connect()];
    for (let i = 0; i < 2; i++) healthy.socket.ping();
    expect(await pongs(healthy)).toHaveLength(2);
    for (let i = 0; i < 100; i++) flood.socket.ping();
    expect(await flood.closed).toEqual(CLOSE.PING_FLOOD);
    expect(CLOSE.PING_FLOOD.code).toBe(1008);
    expect(rejected()).toBe(1);
    expect((await healthy.request('work')).data).toBe('done');
  });

  it('closes who floods with pongs', async () => {
    const { connect, rejected } = await start({ pingsPerSecond: 1 });
    const client = await connect();
    for (let i = 0; i < 100; i++) client.socket.pong();
    expect((await client.request('work')).data).toBe('done');
    for (let i = 0; i < 100; i++) client.socket.pong();
    expect(await client.closed).toEqual(CLOSE.PING_FLOOD);
    expect(rejected()).toBe(1);
  });

  it('0 is no limit', async () => {
    const { connect, rejected } = await start({ pingsPerSecond: 0 });
    const client = await connect();
    for (let i = 0; i < 500; i++) client.socket.ping(String(i));
    expect(await pongs(client)).toEqual(Array.from({ length: 500 }, (_, i) => String(i)));
    expect(rejected()).toBe(0);
  });
});

describe('a client that pings and reads nothing', () => {
  it('makes no more wait for it than 128 KiB, without a limit too, and is answered when it reads again', async () => {
    const { url, connections } = await start(
      { pingsPerSecond: 0, messageTime: 0 },
      { slowConsumer: { grace: 60_000 } },
    );
    const raw = await RawClient.connect(url);
    raw.socket.pause();
    await eventually(() => connections.size === 1, 'the connection');
    const connection = [...connections][0]!;
    const pings = Buffer.concat(Array<Buffer>(1000).fill(PING));
    const transport = transportOf(connection);
    let sent = 0;
    // 64 KiB more than nothing wait when the kernel takes no more; then as much again comes to nothing.
    for (let after = 0; after < 2_000_000;) {
      if (connection.bufferedBytes > 128 * 1024) after += pings.length;
      sent += pings.length;
      raw.socket.write(pings);
      await eventually(() => transport.bytesRead >= sent, 'what was sent');
      expect(connection.bufferedBytes).toBeLessThan(129 * 1024);
    }
    expect(connection.bufferedBytes).toBeGreaterThan(127 * 1024);
    // It can be told from its frames no more, as the client knows no pongs: what counts is that it takes them.
    raw.socket.resume();
    await eventually(() => connection.bufferedBytes === 0, 'the end of what waited');
    const { bytesWritten } = transport;
    raw.socket.write(PING);
    await eventually(() => transport.bytesWritten > bytesWritten, 'a pong');
  });
});

function transportOf({ socket }: Connection): { bytesRead: number; bytesWritten: number } {
  return (socket as unknown as { _socket: { bytesRead: number; bytesWritten: number } })._socket;
}
