import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type BeforeApplicationShutdown,
  type CanActivate,
  Controller,
  Get,
  type INestApplication,
  type NestApplicationOptions,
  type OnModuleDestroy,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, FanoutMetrics, FanoutModule, type FanoutOptions, UseHandshakeGuards } from 'nestjs-fanout';
import { Server as SocketIo } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { type AppSetup, startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';
import { freePort } from '../../support/free-port.js';
import { Gate } from '../../support/gate.js';
import { outcomeOf, Trickle } from '../../support/trickle.js';

const PLATFORMS = ['express', 'fastify'] as const;

/** What every upgrade is answered, but for connections that are refused or cut. */
const REFUSED = '503, close, retry';

/** A request for a page, on a connection that may be used again. */
const PAGE = { Connection: 'keep-alive', Upgrade: undefined, 'Sec-WebSocket-Key': undefined };

/** What the application waits for in each phase of its shutdown. */
let phase: (name: string) => Promise<void>;

@WebSocketGateway({ path: '/down' })
class Gateway {
  handleDisconnect(): Promise<void> {
    return phase('handleDisconnect');
  }
}

class Hooks implements OnModuleDestroy, BeforeApplicationShutdown {
  onModuleDestroy(): Promise<void> {
    return phase('onModuleDestroy');
  }

  beforeApplicationShutdown(): Promise<void> {
    return phase('beforeApplicationShutdown');
  }
}

let waiting = new Gate();
let asked = new Gate();

@Controller()
class Pages {
  @Get('page')
  page(): string {
    return 'page';
  }

  @Get('late')
  async late(): Promise<string> {
    asked.open();
    await waiting.passed;
    return 'late';
  }
}

/** Calls `before` when the application is about to close its HTTP server, behind the hooks of all modules. */
function beforeClosing(app: INestApplication, before: () => Promise<void>): void {
  const adapter = app.getHttpAdapter();
  const close = adapter.close.bind(adapter) as () => Promise<void>;
  adapter.close = async () => {
    await before();
    await close();
  };
}

async function start({ configure, ...setup }: AppSetup) {
  phase = () => Promise.resolve();
  waiting = new Gate();
  asked = new Gate();
  return startApp({
    providers: [Gateway, Hooks, ...(setup.providers ?? [])],
    controllers: [Pages],
    ...setup,
    configure(app) {
      configure?.(app);
      beforeClosing(app, () => phase('close'));
    },
  });
}

const SETUPS: readonly [string, FanoutOptions, NestApplicationOptions][] = [
  ['with unmatched: ignore', { unmatched: 'ignore' }, {}],
  ['with unmatched: refuse', { unmatched: 'refuse' }, {}],
  ['with forceCloseConnections', {}, { forceCloseConnections: true }],
  ['with return503OnClosing', {}, { return503OnClosing: true }],
];

const PHASES = ['onModuleDestroy', 'beforeApplicationShutdown', 'handleDisconnect', 'close'];

/** Acts once in each phase, and collects the names of the phases. */
function inEachPhase(act: (name: string) => Promise<unknown>): string[] {
  const seen: string[] = [];
  phase = async name => {
    if (seen.includes(name)) return;
    seen.push(name);
    await act(name);
  };
  return seen;
}

/** Lets each phase last until more upgrades were answered, and collects the names of the phases. */
const untilAnswered = (...trickles: readonly Trickle[]): string[] =>
  inEachPhase(() => Promise.all(trickles.map(trickle => trickle.more(5))));

describe.each(PLATFORMS)('upgrades during app.close() on %s', platform => {
  it.each(SETUPS)(
    'are answered 503 in every phase, also to a path without a gateway, %s',
    async (_, options, nest) => {
      const { app, url, get } = await start({
        platform,
        options,
        ...(process.env.FANOUT_TLS ? {} : { nest }),
      });
      const clients = await Promise.all(Array.from({ length: 50 }, () => Client.connect(`${url}/down`)));
      const closing = app.close();
      const [known, unknown] = [new Trickle(url, '/down'), new Trickle(url, '/nope')];
      const seen = untilAnswered(known, unknown);
      await closing;
      await Promise.all(clients.map(({ closed }) => closed));
      for (const trickle of [known, unknown]) {
        const outcomes = await trickle.end();
        outcomes.delete('none');
        expect([...outcomes]).toEqual([REFUSED]);
        // With forceCloseConnections the end of handleDisconnect is not waited for.
        expect(trickle.answered).toBeGreaterThanOrEqual(5 * (PHASES.length - 1));
      }
      expect(seen).toEqual(PHASES);
      expect(get(FanoutMetrics).rejected).toMatchObject({ path: 0 });
      expect(get(FanoutMetrics).rejected.shutdown).toBe(known.answered + unknown.answered);
    },
  );

  it('are still taken by the other listeners of the server', async () => {
    const { app, url } = await start({ platform, configure: attachOthers });
    const client = await Client.connect(`${url}/down`);
    const closing = app.close();
    const trickles = ['/theirs', '/socket.io/?EIO=4&transport=websocket', '/down'].map(
      path => new Trickle(url, path),
    );
    const nobodys = new Trickle(url, '/nope');
    untilAnswered(...trickles);
    await closing;
    await client.closed;
    const outcomes = await Promise.all([...trickles, nobodys].map(trickle => trickle.end()));
    for (const each of outcomes) each.delete('none');
    expect(outcomes.map(each => [...each])).toEqual([
      ['101, upgrade'],
      ['101, upgrade'],
      [REFUSED],
      [REFUSED],
    ]);
  });

  it('are answered 503 on connections that were open when the server was closed', async () => {
    const { app, url } = await start({ platform });
    const server = app.getHttpServer() as Server;
    const late = await RawUpgrade.to(`${url}/late`, { headers: PAGE });
    await asked.passed;
    const begun = await RawUpgrade.to(`${url}/down`, { unfinished: true });
    const closing = app.close();
    await eventually(() => !server.listening, 'the end of listening');
    begun.socket.write('\r\n\r\n');
    await begun.closed;
    expect(outcomeOf(begun)).toBe(REFUSED);
    waiting.open();
    expect((await late.answered).text).toContain('late');
    late.socket.write(upgradeTo('/down'));
    expect((await late.closed).match(/HTTP\/1\.1 (\d+)/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 503']);
    await closing;
  });

  it('are answered 503 on a connection that was used for a page before', async () => {
    const { app, url } = await start({ platform });
    const raw = await RawUpgrade.to(`${url}/page`, { headers: PAGE });
    await raw.answered;
    inEachPhase(async name => {
      if (name !== 'close') return;
      raw.socket.write(upgradeTo('/down'));
      await raw.closed;
    });
    await app.close();
    expect(raw.text.match(/HTTP\/1\.1 (\d+)/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 503']);
  });

  it('do not overtake the answer to a page, and are answered 503 behind it', async () => {
    const { app, url } = await start({ platform });
    const raw = await RawUpgrade.to(`${url}/late`, { headers: PAGE });
    await asked.passed;
    raw.socket.write(upgradeTo('/down'));
    inEachPhase(async name => {
      if (name !== 'close') return;
      waiting.open();
      await raw.closed;
    });
    await app.close();
    expect(raw.text).toMatch(/^HTTP\/1\.1 200 [^]*late[^]*HTTP\/1\.1 503 [^]*\r\nConnection: close\r\n/);
  });

  it('that wait for a handshake guard are answered 503 at its beginning', async () => {
    const guard = new Gate();
    class Never implements CanActivate {
      canActivate(): Promise<boolean> {
        guard.open();
        return new Promise(() => {});
      }
    }
    @WebSocketGateway({ path: '/guarded' })
    @UseHandshakeGuards(new Never())
    class Guarded {}
    const { app, url, get } = await start({ platform, providers: [Guarded, Hooks] });
    const raw = await RawUpgrade.to(`${url}/guarded`);
    await guard.passed;
    inEachPhase(async name => {
      if (name !== 'onModuleDestroy') return;
      await raw.closed;
      expect(outcomeOf(raw)).toBe(REFUSED);
    });
    await app.close();
    await raw.closed;
    expect(get(FanoutMetrics).rejected).toMatchObject({ shutdown: 1, 'handshake-time': 0 });
  });

  it('are told by a close code where they offer our subprotocol, in every phase', async () => {
    const { app, url } = await start({ platform });
    const client = await Client.connect(`${url}/down`);
    const told: { code: number; reason: string }[] = [];
    const seen = inEachPhase(async () => {
      const refused = await Client.connect(`${url}/down`, ['fanout.v1.json']);
      told.push(await refused.closed);
    });
    await app.close();
    await client.closed;
    expect(seen).toEqual(PHASES);
    for (const { code, reason } of told) {
      expect(code).toBe(CLOSE.BUSY.code);
      expect(reason).toMatch(/; retry-after=\d+$/);
    }
  });

  it('to another protocol are pages, whose connection ends', async () => {
    const { app, url } = await start({ platform });
    const outcomes: string[] = [];
    inEachPhase(async () => {
      const headers = {
        ...PAGE,
        Connection: 'Upgrade, HTTP2-Settings',
        Upgrade: 'h2c',
        'HTTP2-Settings': 'AAM',
      };
      const raw = await RawUpgrade.to(`${url}/page`, { headers });
      await raw.closed;
      outcomes.push(outcomeOf(raw));
    });
    await app.close();
    expect(outcomes).toEqual(['200, close', '200, close', '200, close']);
  });
});

describe.each(PLATFORMS)('other requests during app.close() on %s', platform => {
  it('are answered, and their connection ends', async () => {
    const { app, url } = await start({ platform });
    const kept = await RawUpgrade.to(`${url}/page`, { headers: PAGE });
    expect(outcomeOf(await kept.answered)).toBe('200, keep-alive');
    const outcomes: string[] = [];
    inEachPhase(async () => {
      const raw = await RawUpgrade.to(`${url}/page`, { headers: PAGE });
      await raw.closed;
      outcomes.push(outcomeOf(raw));
    });
    await app.close();
    expect(outcomes).toEqual(['200, close', '200, close', '200, close']);
    await kept.closed;
  });

  it('do not hold the application behind their answer', async () => {
    const { app, url } = await start({ platform });
    const server = app.getHttpServer() as Server;
    const raw = await RawUpgrade.to(`${url}/late`, { headers: PAGE });
    await asked.passed;
    const closing = app.close();
    await eventually(() => !server.listening, 'the end of listening');
    waiting.open();
    const from = performance.now();
    await closing;
    // The answer promises five seconds, with Fastify 72.
    expect(performance.now() - from).toBeLessThan(4000);
    expect(await raw.closed).toMatch(/timeout=(5|72)\r[^]*late/);
  });

  it.each([
    ['is not complete', ['GET /page HTTP/1.1\r\nHost: a\r\n']],
    ['has not begun', []],
    ['is not complete, behind another', ['GET /page HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /pa']],
  ])('do not hold the application with a request that %s', async (_, parts) => {
    const { app, url } = await start({ platform });
    const raw = await RawUpgrade.silent(url);
    for (const part of parts) {
      raw.socket.write(part);
      if (part.endsWith('\r\n\r\n')) await raw.answered;
    }
    // Until the server has read the parts.
    await (
      await RawUpgrade.to(`${url}/page`, { headers: PAGE })
    ).answered;
    await app.close();
    await raw.closed;
  });
});

describe('upgrades during app.close()', () => {
  it('are answered 503 also when it is called twice', async () => {
    const { app, url } = await start({});
    const client = await Client.connect(`${url}/down`);
    const closing = [app.close(), app.close()];
    const trickle = new Trickle(url, '/down');
    // Nest 11 runs the hooks once for each call.
    phase = name => (name === 'onModuleDestroy' ? trickle.more(20) : Promise.resolve());
    await Promise.all(closing);
    await client.closed;
    const outcomes = await trickle.end();
    outcomes.delete('none');
    expect([...outcomes]).toEqual([REFUSED]);
    phase = () => Promise.resolve();
    await app.close();
  });

  it('are answered 503 to a gateway with a port of its own, until nobody listens there', async () => {
    const port = await freePort();
    @WebSocketGateway(port)
    class Own {
      handleDisconnect(): Promise<void> {
        return phase('handleDisconnect');
      }
    }
    const { app } = await start({ providers: [Own, Hooks] });
    const url = `ws://127.0.0.1:${port}`;
    const client = await Client.connect(url);
    const closing = app.close();
    const trickle = new Trickle(url, '/');
    const seen = inEachPhase(name => (name === 'close' ? Promise.resolve() : trickle.more(5)));
    await closing;
    await client.closed;
    const outcomes = await trickle.end();
    outcomes.delete('none');
    expect([...outcomes]).toEqual([REFUSED]);
    expect(seen).toEqual(PHASES);
  });

  it('leave a server that lives on to its owner as it was', async () => {
    /** Serves somebody else too. */
    class Shared extends ExpressAdapter {
      override close(): undefined {}
    }
    phase = () => Promise.resolve();
    const module = await Test.createTestingModule({
      imports: [FanoutModule.forRoot()],
      providers: [Gateway],
      controllers: [Pages],
    }).compile();
    const app = module.createNestApplication(new Shared(), { logger: false });
    await app.listen(0, '127.0.0.1');
    const server = app.getHttpServer() as Server;
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { keepAliveTimeout } = server;
    const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
    const silent = await RawUpgrade.silent(url);
    await app.close();
    expect([server.listenerCount('upgrade'), server.listenerCount('request')]).toEqual([0, 1]);
    expect(server.keepAliveTimeout).toBe(keepAliveTimeout);
    silent.socket.write('GET /page HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(outcomeOf(await silent.answered)).toBe('200, keep-alive');
  });
});

/** The bytes of an upgrade on a connection that is open. */
function upgradeTo(path: string): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  );
}

/** A bare `ws` server and a Socket.IO server, which leave other paths alone. */
function attachOthers(app: INestApplication): void {
  const server = app.getHttpServer() as Server;
  const io = new SocketIo({ destroyUpgrade: false });
  io.attach(server);
  const bare = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url === '/theirs')
      bare.handleUpgrade(request, socket, head, client => client.on('error', () => {}));
  });
  onTestFinished(() => {
    io.engine.close();
    bare.close();
  });
}
