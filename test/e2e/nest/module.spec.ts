import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { type INestApplication, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  BufferPool,
  Connections,
  FanoutAdapter,
  FanoutModule,
  type FanoutOptions,
  Topic,
} from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

@WebSocketGateway()
class EchoGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return data;
  }

  @Topic('news', { history: 10 })
  news() {}
}

/** An application made by hand, closed when the test ends. */
async function makeApp(metadata: ModuleMetadata, http?: FastifyAdapter): Promise<INestApplication> {
  const testing = await Test.createTestingModule(metadata).compile();
  const app = http
    ? testing.createNestApplication(http as never, { logger: false })
    : testing.createNestApplication({ logger: false });
  onTestFinished(() => app.close());
  return app;
}

async function listen(app: INestApplication): Promise<string> {
  await app.listen(0, '127.0.0.1');
  return `ws://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
}

/** What the client is closed with that sends a little more than `limits.payload` of 100 bytes: proof that the options arrived. */
async function limitOf(app: INestApplication): Promise<number> {
  const client = await Client.connect(await listen(app));
  client.send({ event: 'echo', data: 'x'.repeat(80) });
  await client.next(frame => typeof frame === 'string');
  client.send({ event: 'echo', data: 'x'.repeat(100) });
  return (await client.closed).code;
}

const SMALL: FanoutOptions = { limits: { payload: 110 } };

describe('FanoutModule.forRoot()', () => {
  it('works without options', async () => {
    const app = await makeApp({ imports: [FanoutModule.forRoot()], providers: [EchoGateway] });
    const client = await Client.connect(await listen(app));
    expect((await client.request('echo', 1)).data).toBe(1);
  });

  it('takes options', async () => {
    expect(
      await limitOf(await makeApp({ imports: [FanoutModule.forRoot(SMALL)], providers: [EchoGateway] })),
    ).toBe(1009);
  });

  it.each(['express', 'fastify'] as const)('serves topics and messages on %s', async platform => {
    const { url, get } = await startApp({ platform, providers: [EchoGateway] });
    const client = await Client.connect(url);
    expect((await client.request('echo', platform)).data).toBe(platform);
    expect((await client.subscribe('news')).event).toBe('subscribed');
    expect(get(Broadcaster).publish('news', { on: platform })).toBe(1);
    expect((await client.next(frame => frame.topic === 'news')).data).toEqual({ on: platform });
  });

  it.each(['express', 'fastify'] as const)('leaves HTTP alone on %s', async platform => {
    const { url } = await startApp({ platform, nest: {}, providers: [EchoGateway] });
    expect((await fetch(url.replace('ws', 'http'))).status).toBe(404);
  });

  it('gives its providers to every module, because it is global', async () => {
    @Injectable()
    class Feed {
      constructor(
        readonly broadcaster: Broadcaster,
        readonly connections: Connections,
        readonly pool: BufferPool,
        readonly adapter: FanoutAdapter,
      ) {}
    }
    @Module({ providers: [Feed] })
    class FeedModule {}
    const { get } = await startApp({ imports: [FeedModule], providers: [EchoGateway] });
    const feed = get(Feed);
    expect(feed.broadcaster).toBe(get(Broadcaster));
    expect(feed.connections).toBe(get(Connections));
    expect(feed.pool).toBeInstanceOf(BufferPool);
    expect(feed.adapter).toBeInstanceOf(FanoutAdapter);
  });

  it('imported twice with the same options is one module', async () => {
    const once = FanoutModule.forRoot(SMALL);
    @Module({ imports: [once] })
    class OtherModule {}
    const app = await makeApp({ imports: [once, OtherModule], providers: [EchoGateway] });
    expect(await limitOf(app)).toBe(1009);
  });

  it('imported twice with different options is an error', async () => {
    @Module({ imports: [FanoutModule.forRoot(SMALL)] })
    class OtherModule {}
    const imports = [FanoutModule.forRoot(), OtherModule];
    await expect(makeApp({ imports })).rejects.toMatchObject({ code: 'FANOUT_MODULE_TWICE' });
  });

  it('starts in each of two applications of one process', async () => {
    const module = { imports: [FanoutModule.forRoot()], providers: [EchoGateway] };
    const [left, right] = [await makeApp(module), await makeApp(module)];
    const clients = [await Client.connect(await listen(left)), await Client.connect(await listen(right))];
    for (const client of clients) await client.subscribe('news');
    expect(left.get(Broadcaster).publish('news', 'left')).toBe(1);
    expect(right.get(Broadcaster).publish('news', 'right')).toBe(1);
    const [ofLeft, ofRight] = clients;
    expect((await ofLeft!.next(frame => frame.topic)).data).toBe('left');
    expect((await ofRight!.next(frame => frame.topic)).data).toBe('right');
  });
});

describe('FanoutModule.forRootAsync()', () => {
  @Injectable()
  class Config {
    readonly payload = 110;

    createFanoutOptions(): FanoutOptions {
      return { limits: { payload: this.payload } };
    }
  }

  @Module({ providers: [Config], exports: [Config] })
  class ConfigModule {}

  it('takes options from a factory and what is injected into it', async () => {
    const fanout = FanoutModule.forRootAsync({
      imports: [ConfigModule],
      inject: [Config],
      useFactory: async (config: Config) => ({ limits: { payload: config.payload } }),
    });
    expect(await limitOf(await makeApp({ imports: [fanout], providers: [EchoGateway] }))).toBe(1009);
  });

  it('takes options from a class', async () => {
    const fanout = FanoutModule.forRootAsync({ useClass: Config });
    expect(await limitOf(await makeApp({ imports: [fanout], providers: [EchoGateway] }))).toBe(1009);
  });

  it('takes options from an existing provider', async () => {
    const fanout = FanoutModule.forRootAsync({ imports: [ConfigModule], useExisting: Config });
    expect(await limitOf(await makeApp({ imports: [fanout], providers: [EchoGateway] }))).toBe(1009);
  });

  it('is global too', async () => {
    @Injectable()
    class Feed {
      constructor(readonly broadcaster: Broadcaster) {}
    }
    @Module({ providers: [Feed] })
    class FeedModule {}
    const fanout = FanoutModule.forRootAsync({ useFactory: () => ({}) });
    const app = await makeApp({ imports: [fanout, FeedModule], providers: [EchoGateway] });
    expect(app.get(Feed, { strict: false }).broadcaster).toBe(app.get(Broadcaster));
  });

  it('refuses bad options as forRoot() does', async () => {
    const fanout = FanoutModule.forRootAsync({ useFactory: () => ({ flush: { maxDelay: -1 } }) });
    await expect(makeApp({ imports: [fanout] })).rejects.toMatchObject({ code: 'FANOUT_OPTION' });
  });

  it('fails with what the factory failed with', async () => {
    const fanout = FanoutModule.forRootAsync({ useFactory: () => Promise.reject(new Error('no config')) });
    await expect(makeApp({ imports: [fanout] })).rejects.toThrow('no config');
  });
});

describe('a bad option', () => {
  it.each([
    [{ flush: { maxDelay: '50' } }, 'Option "flush.maxDelay" must be a number of milliseconds', "got '50'."],
    [{ limits: { payload: 0 } }, 'Option "limits.payload" must be an integer of at least 1', 'got 0.'],
    [{ heartbeat: { interval: 50, timeout: 20 } }, 'Option "heartbeat.timeout" must be above', 'got 20.'],
    [
      { handshake: { keep: 'cookie' } },
      'Option "handshake.keep" must be an array of header names',
      "got 'cookie'.",
    ],
    [{ compression: 'gzip' }, 'Option "compression" must be true, false or an object', "got 'gzip'."],
    [{ compression: { level: 10 } }, 'Option "compression.level" must be an integer from 1 to 9', 'got 10.'],
    [{ flush: 5 }, 'Option "flush" must be an object', 'got 5.'],
    [{ limits: { burst: NaN } }, 'Option "limits.burst" must be', 'got NaN.'],
  ])('is refused at start with its name, what it must be and what it is: %j', async (options, must, got) => {
    const failure = await makeApp({ imports: [FanoutModule.forRoot(options as FanoutOptions)] }).catch(
      error => error,
    );
    expect(failure).toMatchObject({ name: 'FanoutError', code: 'FANOUT_OPTION' });
    expect(failure.message).toContain(must);
    expect(failure.message).toContain(got);
  });

  it.each([
    [{ flushh: {} }, 'flushh', 'flush, heartbeat'],
    [{ limits: { payloads: 5 } }, 'limits.payloads', 'connections, connectionsPerIp'],
    [{ __proto__: null, limit: {} }, 'limit', 'limits'],
  ])('that does not exist is refused with those that do: %j', async (options, name, known) => {
    const failure = await makeApp({ imports: [FanoutModule.forRoot(options as FanoutOptions)] }).catch(
      error => error,
    );
    expect(failure.code).toBe('FANOUT_OPTION_UNKNOWN');
    expect(failure.message).toContain(`Option "${name}" does not exist`);
    expect(failure.message).toContain(known);
  });
});
