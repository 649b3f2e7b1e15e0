import 'reflect-metadata';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type INestApplication, Inject, Injectable, type OnModuleInit, type Type } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, FanoutAdapter, FanoutModule, Heartbeat, Topic } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { WebSocketServer } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { freePort } from '../../support/free-port.js';

@WebSocketGateway()
class EchoGateway {
  @SubscribeMessage('echo')
  echo(_: unknown, data: unknown) {
    return data;
  }

  @Topic('news', { history: 10 })
  news() {}
}

/** How the start of an application with these providers fails. */
async function failureOf(...providers: Type[]): Promise<{ code?: string; message: string }> {
  return startApp({ providers }).then(
    () => Promise.reject(new Error('it started')),
    error => error,
  );
}

describe('the adapter', () => {
  it("is refused at start when it is Nest's own", async () => {
    const start = startApp({
      providers: [EchoGateway],
      configure: app => void app.useWebSocketAdapter(new WsAdapter(app)),
    });
    await expect(start).rejects.toMatchObject({
      code: 'FANOUT_ADAPTER',
      message: expect.stringMatching(
        /^The WebSocket adapter of the application is WsAdapter, .*remove useWebSocketAdapter/,
      ),
    });
  });

  it('may be a FanoutAdapter that the application installs', async () => {
    const { url } = await startApp({
      providers: [EchoGateway],
      configure: app => void app.useWebSocketAdapter(new FanoutAdapter(app)),
    });
    const client = await Client.connect(url);
    expect((await client.request('echo', 1)).data).toBe(1);
  });

  it('may be a subclass, whose create() makes each server', async () => {
    const created: [number, string | undefined][] = [];
    class StrictAdapter extends FanoutAdapter {
      override create(port: number, options: { path?: string } = {}): WebSocketServer {
        created.push([port, options.path]);
        return super.create(port, { ...options, maxPayload: 50 });
      }
    }
    const { url, get } = await startApp({
      providers: [EchoGateway],
      configure: app => {
        const adapter = new StrictAdapter(app);
        adapter.setMessageParser(frame => {
          const [event, data] = String(frame).split(':');
          return { event: event!, data };
        });
        app.useWebSocketAdapter(adapter);
      },
    });
    expect(created).toEqual([[0, undefined]]);
    const client = await Client.connect(url);
    client.socket.send('echo:parsed');
    expect(await client.next(() => true)).toBe('parsed');
    expect(get(Broadcaster).publish('news', 1)).toBe(0);
    client.socket.send(`echo:${'x'.repeat(50)}`);
    expect((await client.closed).code).toBe(1009);
  });
});

describe('publish() before the server listens', () => {
  it('is heard by those who come later and ask for the history', async () => {
    @Injectable()
    class EarlyFeed implements OnModuleInit {
      delivered = -1;
      @Inject(Broadcaster) readonly broadcaster!: Broadcaster;

      onModuleInit(): void {
        this.delivered = this.broadcaster.publish('news', 'early');
      }
    }
    const { url, get } = await startApp({ providers: [EchoGateway, EarlyFeed] });
    expect(get(EarlyFeed).delivered).toBe(0);
    const client = await Client.connect(url);
    const { publications, position } = await get(Broadcaster).history('news');
    expect(publications).toEqual([{ offset: 1, data: 'early' }]);
    const { data } = await client.subscribe('news', position.replace(/:1$/, ':0'));
    expect(data).toMatchObject({ topic: 'news', recovered: true });
    expect((await client.next(frame => frame.topic === 'news')).data).toBe('early');
  });
});

describe('an error at start', () => {
  it('is an event handled twice on one path', async () => {
    @WebSocketGateway()
    class First {
      @SubscribeMessage('order')
      place() {}
    }
    @WebSocketGateway({ path: '/' })
    class Second {
      @SubscribeMessage('order')
      buy() {}
    }
    const { code, message } = await failureOf(First, Second);
    expect(code).toBe('FANOUT_EVENT_DUPLICATE');
    for (const part of ['"order"', '"/"', 'First.place', 'Second.buy']) expect(message).toContain(part);
  });

  it('is an event handled twice by one gateway', async () => {
    @WebSocketGateway()
    class Twice {
      @SubscribeMessage('order')
      place() {}

      @SubscribeMessage('order')
      buy() {}
    }
    const { code, message } = await failureOf(Twice);
    expect(code).toBe('FANOUT_EVENT_DUPLICATE');
    for (const part of ['Twice.place', 'Twice.buy']) expect(message).toContain(part);
  });

  it('is not the same event on two paths', async () => {
    @WebSocketGateway({ path: '/a' })
    class First extends EchoGateway {}
    @WebSocketGateway({ path: '/b' })
    class Second extends EchoGateway {}
    const { url } = await startApp({ providers: [First, Second] });
    for (const path of ['/a', '/b'])
      expect((await (await Client.connect(url + path)).request('echo', path)).data).toBe(path);
  });

  it('is two patterns that match the same topics', async () => {
    @WebSocketGateway()
    class Prices {
      @Topic('prices.:symbol')
      bySymbol() {}
    }
    @WebSocketGateway()
    class Quotes {
      @Topic('prices.:isin')
      byIsin() {}
    }
    const { code, message } = await failureOf(Prices, Quotes);
    expect(code).toBe('FANOUT_TOPIC_AMBIGUOUS');
    for (const part of ['prices.:symbol', 'Prices.bySymbol', 'prices.:isin', 'Quotes.byIsin'])
      expect(message).toContain(part);
  });

  it('is the same topics on two paths with options that contradict each other', async () => {
    @WebSocketGateway({ path: '/live' })
    class Prices {
      @Topic('prices.:symbol', { conflate: true })
      bySymbol() {}
    }
    @WebSocketGateway({ path: '/archive' })
    class Archive {
      @Topic('prices.:isin')
      byIsin() {}
    }
    const { code, message } = await failureOf(Prices, Archive);
    expect(code).toBe('FANOUT_TOPIC_CONFLICT');
    for (const part of ['prices.:symbol', 'Prices.bySymbol', 'prices.:isin', 'Archive.byIsin', '"conflate"'])
      expect(message).toContain(part);
  });

  it('is a @Topic on a class that is no gateway', async () => {
    @Injectable()
    class Stray {
      @Topic('prices.:symbol')
      join() {}
    }
    const { code, message } = await failureOf(EchoGateway, Stray);
    expect(code).toBe('FANOUT_TOPIC_HOST');
    for (const part of ['prices.:symbol', 'Stray.join', '@WebSocketGateway()'])
      expect(message).toContain(part);
  });

  it.each(['subscribe', 'unsubscribe'])('is a handler of "%s" beside a @Topic', async event => {
    @WebSocketGateway()
    class OwnProtocol {
      @SubscribeMessage(event)
      own() {}
    }
    const { code, message } = await failureOf(OwnProtocol, EchoGateway);
    expect(code).toBe('FANOUT_EVENT_DUPLICATE');
    for (const part of [`"${event}"`, 'OwnProtocol.own', 'EchoGateway.news']) expect(message).toContain(part);
  });

  it.each(['subscribe', 'unsubscribe'])('is not a handler of "%s" on a path without topics', async event => {
    @WebSocketGateway({ path: '/own' })
    class OwnProtocol {
      @SubscribeMessage(event)
      own() {
        return 'mine';
      }
    }
    const { url } = await startApp({ providers: [OwnProtocol, EchoGateway] });
    const client = await Client.connect(`${url}/own`);
    expect((await client.request(event)).data).toBe('mine');
  });

  it('is a path with two heartbeats', async () => {
    @WebSocketGateway()
    @Heartbeat({ interval: 1000, timeout: 5000 })
    class Quick {}
    @WebSocketGateway()
    @Heartbeat(false)
    class Never {}
    const { code, message } = await failureOf(Quick, Never);
    expect(code).toBe('FANOUT_HEARTBEAT_CONFLICT');
    for (const part of ['Quick', 'Never']) expect(message).toContain(part);
  });

  it.each<[string, (app: INestApplication) => Promise<unknown>]>([
    ['listen()', app => app.listen(0, '127.0.0.1')],
    ['init()', app => app.init()],
  ])('is a port that is taken, from %s', async (_, start) => {
    const port = await freePort();
    const taken = createServer().listen(port);
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    @WebSocketGateway(port, { path: '/feed' })
    class TakenGateway {}
    const otherPort = await freePort();
    @WebSocketGateway(otherPort)
    class OtherGateway {}
    const testing = await Test.createTestingModule({
      imports: [FanoutModule.forRoot()],
      providers: [TakenGateway, OtherGateway],
    }).compile();
    const app = testing.createNestApplication({ logger: false });
    const failure = await start(app).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'FANOUT_PORT' });
    for (const part of [`Port ${port}`, '"/feed"', 'EADDRINUSE'])
      expect((failure as Error).message).toContain(part);
    await app.close();
    // Nothing of the failed start is left.
    const again = createServer().listen(otherPort);
    await once(again, 'listening');
    again.close();
  });
});
