import { once } from 'node:events';
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type Connection, CurrentConnection, FanoutMetrics } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { certificate } from '../../support/certificate.js';
import { type AppSetup, startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';
import { freePort } from '../../support/free-port.js';

@WebSocketGateway({ path: '/market' })
class Market {
  @SubscribeMessage('who')
  who(@CurrentConnection() { handshake }: Connection): unknown {
    return { url: handshake.url };
  }
}

@Controller()
class Pages {
  @Get('health')
  health(@Query('n') n?: string): unknown {
    return { ok: true, n };
  }

  @Get('market')
  market(): unknown {
    return { page: 'market' };
  }

  @Post('echo')
  echo(@Body() body: unknown): unknown {
    return body;
  }
}

const polite = (app: { getHttpServer(): net.Server }): void =>
  void app.getHttpServer().on('upgrade', () => {});

const start = (setup: AppSetup = {}) => startApp({ providers: [Market], controllers: [Pages], ...setup });

/** What `curl --http2` and the HttpClient of Java offer. */
const H2C = {
  Connection: 'Upgrade, HTTP2-Settings',
  Upgrade: 'h2c',
  'HTTP2-Settings': 'AAMAAABkAARAAAAAAAIAAAAA',
};

const WEBSOCKET_ONLY = { 'Sec-WebSocket-Version': undefined, 'Sec-WebSocket-Key': undefined };

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A request that offers h2c over a connection that is kept. */
function offer(
  agent: Agent,
  url: string,
  { method = 'GET', body = '', chunked = false } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = httpRequest(url.replace(/^ws/, 'http'), {
      agent,
      method,
      headers: {
        ...H2C,
        ...(body !== '' && { 'content-type': 'application/json' }),
        ...(body !== '' && !chunked && { 'content-length': Buffer.byteLength(body) }),
        ...(chunked && { 'transfer-encoding': 'chunked' }),
      },
    });
    asking.on('error', reject);
    asking.on('response', response => {
      let text = '';
      response.on('data', data => (text += data));
      response.on('end', () => resolve({ status: response.statusCode!, body: text }));
    });
    if (chunked) asking.write(body.slice(0, 5));
    asking.end(chunked ? body.slice(5) : body);
  });
}

describe('an upgrade to another protocol than WebSocket', () => {
  const setups: [string, AppSetup][] = [
    ['Express', {}],
    ['Fastify', { platform: 'fastify' }],
    ['Express beside another upgrade listener', { configure: polite }],
  ];

  describe.each(setups)('is a request like any other on %s', (_, setup) => {
    it.each(['/health', '/market'])('to %s', async path => {
      const { url, get } = await start(setup);
      const raw = await RawUpgrade.to(url + path, { headers: { ...H2C, ...WEBSOCKET_ONLY } });
      expect((await raw.answered).status).toBe(200);
      expect(raw.header('connection')).not.toBe('close');
      expect(Object.values(get(FanoutMetrics).rejected).every(count => count === 0)).toBe(true);
    });

    // Over TLS there is a test below.
    it.skipIf(process.env.FANOUT_TLS)('with bodies, one after the other on one connection', async () => {
      const { url } = await start(setup);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      onTestFinished(() => agent.destroy());
      const ports = new Set<unknown>();
      agent.on('free', (socket: net.Socket) => ports.add(socket.localPort));
      for (let n = 0; n < 30; n++) {
        const body = JSON.stringify({ n, text: 'x'.repeat(n * 3000) });
        expect(await offer(agent, `${url}/echo`, { method: 'POST', body, chunked: n % 2 === 1 })).toEqual({
          status: 201,
          body,
        });
        expect(await offer(agent, `${url}/health?n=${n}`)).toMatchObject({ status: 200 });
      }
      expect(ports.size).toBe(1);
      expect((await (await RawUpgrade.to(`${url}/market`)).answered).status).toBe(101);
    });

    it('answers all that were sent in one piece', async () => {
      const { url } = await start(setup);
      const raw = await RawUpgrade.to(`${url}/health?n=first`, { headers: { ...H2C, ...WEBSOCKET_ONLY } });
      raw.socket.write(
        'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo/2\r\nContent-Type: application/json\r\n' +
          'Content-Length: 10\r\n\r\n{"two": 2}' +
          'GET /health?n=third HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      const text = await raw.closed;
      expect(text.match(/HTTP\/1\.1 20\d/g)).toHaveLength(3);
      expect(text).toMatch(/first[^]*"two":2[^]*third/);
    });
  });

  it('is a request over TLS too', async () => {
    const { url } = await start({ nest: { httpsOptions: certificate() } });
    const raw = await RawUpgrade.to(`${url}/health`, { headers: { ...H2C, ...WEBSOCKET_ONLY } });
    expect((await raw.answered).status).toBe(200);
  });

  it('is answered 426 on a port of gateways', async () => {
    const port = await freePort();
    @WebSocketGateway(port)
    class Own {}
    await start({ providers: [Own] });
    const raw = await RawUpgrade.to(`ws://127.0.0.1:${port}`, { headers: { ...H2C, ...WEBSOCKET_ONLY } });
    expect((await raw.answered).status).toBe(426);
    expect(raw.header('upgrade')).toBe('websocket');
  });

  it('is for another listener that takes it', async () => {
    const { url } = await start({
      configure: app =>
        app.getHttpServer().on('upgrade', ({ headers }: IncomingMessage, socket: Duplex) => {
          if (headers.upgrade === 'tunnel') socket.end('HTTP/1.1 101 Mine\r\n\r\n');
        }),
    });
    const raw = await RawUpgrade.to(`${url}/health`, { headers: { Upgrade: 'tunnel' } });
    expect(await raw.closed).toBe('HTTP/1.1 101 Mine\r\n\r\n');
  });

  it('is refused when it has more headers than Node keeps, since one of them may be its length', async () => {
    const { url } = await start();
    const many = Object.fromEntries(Array.from({ length: 1100 }, (_, n) => [`a${n}`, '']));
    const headers = { ...H2C, ...WEBSOCKET_ONLY, ...many, 'Content-Length': '40' };
    const raw = await RawUpgrade.to(`${url}/health`, { headers });
    raw.socket.write('GET /health?n=smuggled HTTP/1.1\r\n\r\n'.padEnd(40));
    const text = await raw.closed;
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
    expect(text).not.toContain('smuggled');
  });
});

describe('an upgrade to WebSocket', () => {
  it.each(['websocket', 'WebSocket', 'websocket, h2c', 'h2c , WEBSOCKET'])('may offer %s', async Upgrade => {
    const { url } = await start();
    expect((await (await RawUpgrade.to(`${url}/market`, { headers: { Upgrade } })).answered).status).toBe(
      101,
    );
  });

  it.each(['HEAD', 'POST'])('is refused with 405 by %s', async method => {
    const { url } = await start();
    expect((await (await RawUpgrade.to(`${url}/market`, { method })).answered).status).toBe(405);
  });

  it('is a request without the token in Connection', async () => {
    const { url } = await start();
    const raw = await RawUpgrade.to(`${url}/market`, { headers: { Connection: 'keep-alive' } });
    expect((await raw.answered).text).toContain('"page":"market"');
  });

  it.each(['ws://example.com/market', 'HTTP://example.com:80/market/', 'wss://example.com/market?x=1'])(
    'may name %s in full',
    async target => {
      const { url } = await start();
      expect((await (await RawUpgrade.to(url, { target })).answered).status).toBe(101);
    },
  );

  it.each([
    'ftp://example.com/market',
    'ws:///market',
    'ws://user@example.com/market',
    'ws://example.com/other',
  ])('does not take %s', async target => {
    const { url } = await start();
    expect((await (await RawUpgrade.to(url, { target })).closed).slice(9, 12)).toBe('404');
  });

  it('has the host of a target in full, in place of the header', async () => {
    const { url } = await start({ options: { origins: 'same' } });
    const ask = async (host: string, Origin: string): Promise<number> =>
      (
        await (
          await RawUpgrade.to(url, {
            target: `ws://${host}/market`,
            headers: { Host: 'header.test', Origin },
          })
        ).answered
      ).status;
    const scheme = process.env.FANOUT_TLS ? 'https' : 'http';
    expect(await ask('target.test', `${scheme}://target.test`)).toBe(101);
    expect(await ask('target.test', `${scheme}://header.test`)).toBe(403);
    expect(await ask('a b', `${scheme}://header.test`).catch(() => 400)).toBe(400);
  });
});

describe('an upgrade that nobody takes', () => {
  it('is answered 404 within limits.handshake, and counted', async () => {
    const { url, get } = await start({ options: { limits: { handshake: 100 } }, configure: polite });
    const all = await Promise.all(Array.from({ length: 200 }, () => RawUpgrade.to(`${url}/nope`)));
    const texts = await Promise.all(all.map(({ closed }) => closed));
    expect(texts.every(text => text.startsWith('HTTP/1.1 404 '))).toBe(true);
    expect(get(FanoutMetrics).rejected.path).toBe(200);
  });

  it('is freed when its client leaves, and does not hold the application', async () => {
    const { app, url } = await start({ options: { limits: { handshake: 60_000 } }, configure: polite });
    const server: net.Server = app.getHttpServer();
    const left = await Promise.all(Array.from({ length: 20 }, () => RawUpgrade.to(`${url}/nope`)));
    const stays = await RawUpgrade.to(`${url}/nope`);
    const freed = new Promise<void>(resolve => {
      const look = (): void =>
        void server.getConnections((_, count) => (count === 1 ? resolve() : setTimeout(look, 10)));
      look();
    });
    for (const { socket } of left) socket.destroy();
    await freed;
    await app.close();
    expect((await stays.closed).slice(0, 12)).toBe('HTTP/1.1 404');
  });

  it('is left to a listener that takes it later than at once', async () => {
    const { url, get } = await start({
      options: { limits: { handshake: 100 } },
      configure: app =>
        app.getHttpServer().on('upgrade', (request: IncomingMessage, socket: Duplex) => {
          if (request.url !== '/theirs') return;
          setImmediate(() => {
            socket.write('HTTP/1.1 101 Theirs\r\n\r\n');
            socket.on('data', data => socket.write(data)).on('end', () => socket.end());
          });
        }),
    });
    const raw = await RawUpgrade.to(`${url}/theirs`);
    const unclaimed = await RawUpgrade.to(`${url}/nope`);
    await unclaimed.closed;
    raw.socket.write('still here');
    while (!raw.text.endsWith('still here')) await once(raw.socket, 'data');
    expect(get(FanoutMetrics).rejected.path).toBe(1);
  });

  it("is nobody's with a target in full too, and the others see it as it was sent", async () => {
    const seen: unknown[] = [];
    const { url } = await start({
      options: { limits: { handshake: 50 } },
      configure: app =>
        app.getHttpServer().on('upgrade', (request: IncomingMessage) => seen.push(request.url)),
    });
    const raw = await RawUpgrade.to(url, { target: 'ws://example.com/nope' });
    expect((await raw.closed).slice(9, 12)).toBe('404');
    expect(seen).toEqual(['ws://example.com/nope']);
  });

  it('does not keep a gateway from its clients', async () => {
    const { url } = await start({ configure: polite });
    const client = await Client.connect(`${url}/market`);
    expect((await client.request('who')).data).toEqual({ url: '/market' });
  });
});
