import type { Server } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, BufferPool, CLOSE, Connections, type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { RawClient } from '../../support/raw-client.js';

/** What happened, in order. */
let log: string[] = [];
let release = (): void => {};
let gate = Promise.resolve();

@WebSocketGateway({ path: '/down' })
class Gateway {
  constructor(readonly broadcaster: Broadcaster) {}

  @Topic('news')
  news(): void {}

  @SubscribeMessage('work')
  async work(@MessageBody() data: unknown): Promise<unknown> {
    log.push('handler begins');
    await gate;
    this.broadcaster.publish('news', 'of the handler');
    log.push('handler ends');
    return data;
  }
}

@WebSocketGateway({ path: '/hooked' })
class HookedGateway {
  async handleDisconnect(): Promise<void> {
    log.push('hook begins');
    await gate;
    log.push('hook ends');
  }
}

async function start(options: FanoutOptions = {}) {
  log = [];
  gate = Promise.resolve();
  const running = await startApp({ providers: [Gateway, HookedGateway], options });
  const { app, url, get } = running;
  return {
    app,
    url,
    broadcaster: get(Broadcaster),
    connections: get(Connections),
    pool: get(BufferPool),
    shut(): void {
      gate = new Promise(resolve => (release = resolve));
    },
    close: () => app.close().then(() => void log.push('closed')),
  };
}

describe('app.close()', () => {
  it('loses nothing that was published before, and says goodbye with 1012 and a return delay', async () => {
    const { url, broadcaster, close, pool } = await start();
    const clients = await Promise.all(
      [[], ['fanout.v1.json'], [], ['fanout.v1.json']].map(protocols =>
        Client.connect(`${url}/down`, protocols),
      ),
    );
    for (const client of clients) await client.subscribe('news');
    for (let i = 1; i <= 1000; i++) broadcaster.publish('news', { i, text: 'x'.repeat(i) });
    const closing = close();
    for (const client of clients) {
      const { code, reason } = await client.closed;
      expect(code).toBe(CLOSE.SHUTDOWN.code);
      expect(reason).toMatch(/^service restart; retry-after=\d+$/);
      expect(client.publications('news').map(({ data }) => data.i)).toEqual(
        Array.from({ length: 1000 }, (_, i) => i + 1),
      );
    }
    await closing;
    expect(pool.stats().inUse).toBe(0);
  });

  it('spreads the return of the clients', async () => {
    const { url, close } = await start();
    const clients = await Promise.all(Array.from({ length: 12 }, () => Client.connect(`${url}/down`)));
    const closing = close();
    const delays = (await Promise.all(clients.map(({ closed }) => closed))).map(({ reason }) =>
      Number(reason.split('retry-after=')[1]),
    );
    await closing;
    expect(new Set(delays).size).toBeGreaterThan(3);
    expect(delays.every(delay => delay >= 0 && delay <= 1000)).toBe(true);
  });

  it('waits for a handler in flight, whose answer and publication still arrive', async () => {
    const { url, close, shut } = await start();
    shut();
    const client = await Client.connect(`${url}/down`);
    await client.subscribe('news');
    client.send({ event: 'work', id: 'w', data: { event: 'worked' } });
    await eventually(() => log.length === 1, 'the call of the handler');
    const closing = close();
    // An upgrade that is refused tells that the shutdown has begun.
    await expect(Client.connect(`${url}/down`)).rejects.toThrow('503');
    expect(log).toEqual(['handler begins']);
    release();
    expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
    await closing;
    expect(log).toEqual(['handler begins', 'handler ends', 'closed']);
    expect(client.frames.slice(1)).toEqual(
      expect.arrayContaining([
        { event: 'worked', id: 'w' },
        { topic: 'news', offset: 1, data: 'of the handler' },
      ]),
    );
  });

  it('refuses upgrades with 503, and waits for handleDisconnect', async () => {
    const { url, close, shut } = await start();
    shut();
    const client = await Client.connect(`${url}/hooked`);
    const closing = close();
    expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
    await eventually(() => log.length === 1, 'the call of the hook');
    // Ten times as long as the shutdown takes between two looks.
    for (const from = performance.now(); performance.now() - from < 100;)
      await expect(Client.connect(`${url}/hooked`)).rejects.toThrow('503');
    expect(log).toEqual(['hook begins']);
    release();
    await closing;
    expect(log).toEqual(['hook begins', 'hook ends', 'closed']);
  });

  it('calls handleDisconnect also for a client that does not answer the close', async () => {
    const { url, close } = await start({ shutdown: { drain: 200 } });
    const rude = await RawClient.connect(`${url}/hooked`);
    await close();
    expect(log).toEqual(['hook begins', 'hook ends', 'closed']);
    expect(rude.close?.code).toBe(CLOSE.SHUTDOWN.code);
    await rude.closed;
  });

  it('is not held up past shutdown.drain by a hook, a handler or a client that does not read', async () => {
    const { url, broadcaster, close, connections, shut } = await start({
      shutdown: { drain: 400 },
      slowConsumer: { maxBytes: 64 * 1024 * 1024 },
    });
    shut();
    const [healthy, hanging] = [await Client.connect(`${url}/down`), await Client.connect(`${url}/down`)];
    await Client.connect(`${url}/hooked`);
    await healthy.subscribe('news');
    const stalled = await RawClient.connect(`${url}/down`);
    await stalled.subscribe('news');
    stalled.socket.pause();
    let published = 0;
    while (broadcaster.pressure('news').slow === 0) {
      broadcaster.publish('news', { n: ++published, text: 'x'.repeat(64 * 1024) });
      await healthy.until(() => healthy.publications('news').length === published);
    }
    hanging.send({ event: 'work' });
    await eventually(() => log.length === 1, 'the call of the handler');
    broadcaster.publish('news', { n: ++published });

    const from = performance.now();
    await close();
    const took = performance.now() - from;
    expect(took).toBeGreaterThan(100);
    expect(took).toBeLessThan(400 + 600);
    expect((await healthy.closed).code).toBe(CLOSE.SHUTDOWN.code);
    expect(healthy.publications('news').map(({ data }) => data.n)).toEqual(
      Array.from({ length: published }, (_, i) => i + 1),
    );
    expect(connections.size).toBe(0);
    release();
  });

  it('does not wait when everybody has gone', async () => {
    const { url, close } = await start({ shutdown: { drain: 20_000 } });
    const client = await Client.connect(`${url}/down`);
    const from = performance.now();
    await Promise.all([close(), client.closed]);
    expect(performance.now() - from).toBeLessThan(5000);
  });

  it('gives a borrowed HTTP server back as it was', async () => {
    const { app, url, close } = await start();
    const server = app.getHttpServer() as Server;
    const client = await Client.connect(`${url}/down`);
    expect(server.listenerCount('upgrade')).toBe(1);
    await close();
    expect(server.listenerCount('upgrade')).toBe(0);
    expect(server.listening).toBe(false);
    await client.closed;
  });

  it('can be called before anything has connected, and leaves a broadcaster that does no harm', async () => {
    const { broadcaster, close } = await start();
    await close();
    expect(broadcaster.publish('news', 1)).toBe(0);
    await broadcaster.flush();
  });
});

describe('a gateway with a port of its own', () => {
  it('is closed with the application, after its clients were told', async () => {
    const port = await freePort();

    @WebSocketGateway(port)
    class OwnPortGateway {}

    const { app } = await startApp({ providers: [OwnPortGateway] });
    const client = await Client.connect(`ws://127.0.0.1:${port}`);
    await app.close();
    expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
    await expect(Client.connect(`ws://127.0.0.1:${port}`)).rejects.toThrow('ECONNREFUSED');
  });

  it('is closed also when somebody holds a plain HTTP connection open', async () => {
    const port = await freePort();

    @WebSocketGateway(port)
    class OwnPortGateway {}

    const { app } = await startApp({ providers: [OwnPortGateway], options: { shutdown: { drain: 200 } } });
    const idle = connect(port, '127.0.0.1');
    await new Promise(resolve => idle.once('connect', resolve));
    const from = performance.now();
    await app.close();
    expect(performance.now() - from).toBeLessThan(2000);
    idle.destroy();
  });
});

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
