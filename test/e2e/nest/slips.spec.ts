import { Controller, Get, Injectable, Logger, Module } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import {
  Broadcaster,
  CurrentConnection,
  FanoutModule,
  Heartbeat,
  Publish,
  Topic,
  TopicName,
  TopicParam,
} from 'nestjs-fanout';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Server, WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { certificate } from '../../support/certificate.js';
import { Client } from '../../support/client.js';
import { upgrade } from '../../support/upgrade.js';

/** Warnings of the application from now on. */
function warnings(): string[] {
  const lines: string[] = [];
  const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(line => void lines.push(String(line)));
  onTestFinished(() => warn.mockRestore());
  return lines;
}

const failing = (code: string, ...parts: string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(parts.map(part => part.replaceAll(/[().*+?[\]]/g, '\\$&')).join('.*')),
  });

@WebSocketGateway({ path: '/market' })
class MarketGateway {
  @Topic('prices.:symbol')
  prices(@TopicParam('symbol') symbol: string) {
    return symbol;
  }
}

describe('a decorator without effect stops the start', () => {
  it('@TopicParam() with a name that the pattern has not', async () => {
    @WebSocketGateway()
    class Gateway {
      @Topic('prices.:symbol')
      join(@TopicParam('symbl') symbol: string) {
        return symbol;
      }
    }
    await expect(startApp({ providers: [Gateway] })).rejects.toEqual(
      failing('FANOUT_DECORATOR', "@TopicParam('symbl')", 'Gateway.join', 'symbol'),
    );
  });

  it('@TopicParam() is right where one of the patterns of its method has the name', async () => {
    @WebSocketGateway()
    class Gateway {
      @Topic('prices.:symbol')
      @Topic('books.:isbn')
      join(@TopicParam('isbn') isbn: string, @TopicParam('symbol') symbol: string) {
        return isbn ?? symbol;
      }
    }
    await startApp({ providers: [Gateway] });
  });

  it.each([
    ['TopicParam', TopicParam('symbol')],
    ['TopicName', TopicName()],
  ])('@%s() in a method that is no @Topic', async (name, decorator) => {
    @WebSocketGateway()
    class Gateway {
      @SubscribeMessage('order')
      order(@decorator value: string) {
        return value;
      }
    }
    await expect(startApp({ providers: [Gateway] })).rejects.toEqual(
      failing('FANOUT_DECORATOR', `@${name}()`, 'Gateway.order', 'no @Topic()'),
    );
  });

  it('@CurrentConnection() in a controller', async () => {
    @Controller()
    class PageController {
      @Get()
      page(@CurrentConnection() connection: unknown) {
        return connection;
      }
    }
    await expect(startApp({ providers: [MarketGateway], controllers: [PageController] })).rejects.toEqual(
      failing('FANOUT_DECORATOR', '@CurrentConnection()', 'PageController.page', 'not a gateway'),
    );
  });

  it('@Heartbeat() on a class that is no gateway', async () => {
    @Heartbeat(false)
    @Injectable()
    class Service {}
    await expect(startApp({ providers: [Service] })).rejects.toEqual(
      failing('FANOUT_DECORATOR', '@Heartbeat()', 'Service', 'not a gateway'),
    );
  });
});

enum Op {
  Push,
}

describe('an event that no message can have stops the start', () => {
  it.each<[string, any]>([
    ['0', Op.Push],
    ['/re/', /re/],
    ["{ cmd: 'x' }", { cmd: 'x' }],
    ['undefined', undefined],
  ])('%s', async (text, event) => {
    @WebSocketGateway()
    class Gateway {
      @SubscribeMessage(event)
      push() {}
    }
    await expect(startApp({ providers: [Gateway] })).rejects.toEqual(
      failing('FANOUT_EVENT_NAME', `@SubscribeMessage(${text})`, 'Gateway.push'),
    );
  });
});

describe('a topic that no @Topic matches', () => {
  it('is named once when it is nearly one, and its publication goes on', async () => {
    const { get } = await startApp({ providers: [MarketGateway] });
    const lines = warnings();
    const broadcaster = get(Broadcaster);
    expect(broadcaster.publish('price.AAPL', 1)).toBe(0);
    broadcaster.publish('price.MSFT', 1);
    expect(lines).toEqual([expect.stringContaining('"price.AAPL"')]);
    expect(lines[0]).toContain('Did you mean "prices.:symbol" (MarketGateway.prices)?');
    broadcaster.publish('prices.BRK.B', 1);
    expect(lines[1]).toContain("topicName('prices.:symbol'");
    broadcaster.publish('prices.AAPL', 1);
    broadcaster.publish('something.else', 1);
    expect(lines).toHaveLength(2);
  });

  it('is named at start when it is that of a @Publish', async () => {
    @Injectable()
    class Feed {
      @Publish('price.:symbol')
      tick() {}

      @Publish('prices.:id')
      tock() {}

      @Publish('prices.:symbol')
      right() {}
    }
    const lines = warnings();
    await startApp({ providers: [MarketGateway, Feed] });
    expect(lines.filter(line => line.includes('@Publish'))).toEqual([
      expect.stringContaining("@Publish('price.:symbol') on Feed.tick"),
      expect.stringContaining("@Publish('prices.:id') on Feed.tock"),
    ]);
  });

  it('is nothing to speak of in a process without gateways, which publishes for others', async () => {
    @Injectable()
    class Feed {
      @Publish('price.:symbol')
      tick() {}
    }
    const lines = warnings();
    await startApp({ providers: [Feed] });
    expect(lines.filter(line => line.includes('@Publish'))).toEqual([]);
  });
});

describe('a gateway that is loaded lazily', () => {
  it('is named, because nobody serves it', async () => {
    @WebSocketGateway({ path: '/late' })
    class LateGateway {}
    @Module({ providers: [LateGateway] })
    class LateModule {}
    const { get } = await startApp({ providers: [MarketGateway] });
    const lines = warnings();
    await get(LazyModuleLoader).load(() => LateModule);
    await get(LazyModuleLoader).load(() => LateModule);
    expect(lines).toEqual([expect.stringContaining('Gateway LateGateway was loaded after the start')]);
  });
});

describe('FanoutModule without forRoot()', () => {
  it('is refused, with what to write', async () => {
    await expect(Test.createTestingModule({ imports: [FanoutModule] }).compile()).rejects.toEqual(
      failing('FANOUT_FOR_ROOT', 'FanoutModule.forRoot()'),
    );
  });

  it('is refused where a factory gives nothing', async () => {
    const fanout = FanoutModule.forRootAsync({ useFactory: () => undefined as never });
    await expect(Test.createTestingModule({ imports: [fanout] }).compile()).rejects.toEqual(
      failing('FANOUT_FOR_ROOT', 'forRootAsync()'),
    );
  });
});

describe('an upgrade that is answered 403 for its origin', () => {
  it('has a line that names origin and host, and few of them', async () => {
    const { url } = await startApp({ providers: [MarketGateway] });
    const lines = warnings();
    for (let i = 0; i < 9; i++) {
      const headers = { origin: `https://app${i}.example`, cookie: 'a=b' };
      expect(await upgrade(`${url}/market`, headers)).toMatchObject({ status: 403 });
    }
    const refusals = lines.filter(line => line.includes('refused with 403'));
    expect(refusals).toHaveLength(3);
    expect(refusals[0]).toContain(`the origin "https://app0.example" to the host "${new URL(url).host}"`);
    expect(refusals[0]).toContain('option origins');
  });
});

describe('an application whose server speaks HTTP/2 only', () => {
  const start = (options: object) =>
    Test.createTestingModule({ imports: [FanoutModule.forRoot()], providers: [MarketGateway] })
      .compile()
      .then(async testing => {
        const app = testing.createNestApplication(new FastifyAdapter(options as never), { logger: false });
        onTestFinished(() => app.close());
        await app.init();
        return app;
      });

  it.each([{ http2: true }, { http2: true, https: certificate() }])('does not start: %s', async options => {
    await expect(start(options)).rejects.toEqual(failing('FANOUT_HTTP2', '{/market}', 'allowHTTP1'));
  });

  it('starts where it takes HTTP/1.1 as well', async () => {
    await start({ http2: true, https: { ...certificate(), allowHTTP1: true } });
  });
});

describe('the habits of Socket.IO', () => {
  @WebSocketGateway({ path: '/chat' })
  class ChatGateway {
    @WebSocketServer() readonly server!: Server;

    handleConnection(client: WebSocket) {
      client.on('slip:heard', () => {});
      client.on('message', () => {});
      client.once('close', () => {});
      client.emit('slip:told', 1);
    }
  }

  it('are told, once for each event', async () => {
    const lines = warnings();
    const { url, get } = await startApp({ providers: [ChatGateway] });
    const { server } = get(ChatGateway);
    server.on('slip:server', () => {});
    server.once('slip:once', () => {});
    server.on('connection', () => {});
    server.emit('slip:all', 1);
    for (let i = 0; i < 2; i++) await (await Client.connect(`${url}/chat`)).request('ping');
    const told = lines.filter(line => line.includes('slip:'));
    expect(told.map(line => line.slice(0, line.indexOf(')') + 1))).toEqual([
      "server.on('slip:server')",
      "server.on('slip:once')",
      "server.emit('slip:all')",
      "client.on('slip:heard')",
      "client.emit('slip:told')",
    ]);
    expect(told[0]).toContain("@SubscribeMessage('slip:server')");
    expect(told[2]).toContain('broadcaster.publish(topic, data)');
    expect(told[4]).toContain("connection.send('slip:told', data)");
    expect(lines.filter(line => line.includes('WebSockets have no events'))).toHaveLength(5);
  });
});

describe('an event that nobody handles', () => {
  it('is told once for each path, with the reason that is easily missed', async () => {
    @WebSocketGateway({ path: '/orders' })
    class TwoNamesGateway {
      @SubscribeMessage('buy')
      @SubscribeMessage('sell')
      order() {
        return 'done';
      }
    }
    const lines = warnings();
    const { url } = await startApp({ providers: [TwoNamesGateway] });
    const client = await Client.connect(`${url}/orders`);
    for (const event of ['sell', 'sell', 'other'])
      expect((await client.request(event)).data.code).toBe('UNKNOWN_EVENT');
    expect(lines.filter(line => line.includes('UNKNOWN_EVENT'))).toEqual([
      expect.stringMatching(/'sell', which no handler on path "\/orders" takes.*two @SubscribeMessage\(\)/),
    ]);
  });
});
