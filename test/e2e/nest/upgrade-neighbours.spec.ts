import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type CanActivate, Controller, Get, type INestApplication } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FanoutMetrics, UseHandshakeGuards } from 'nestjs-fanout';
import { Server as SocketIo } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';

/** Milliseconds after which Socket.IO ends upgrades in these tests. */
const IDLE_MS = 50;

/** Answers well after that. */
class Slow implements CanActivate {
  async canActivate(): Promise<boolean> {
    await new Promise(resolve => setTimeout(resolve, IDLE_MS * 6));
    return true;
  }
}

@WebSocketGateway({ path: '/slow' })
@UseHandshakeGuards(new Slow())
class SlowGateway {
  @SubscribeMessage('x')
  x(): unknown {
    return 1;
  }
}

@Controller()
class LatePage {
  @Get('late')
  async late(): Promise<string> {
    await new Promise(resolve => setTimeout(resolve, IDLE_MS * 6));
    return 'late';
  }
}

@WebSocketGateway({ path: '/quick' })
class QuickGateway {}

/** Starts an application, and keeps the warnings of its log. */
async function start(configure: (server: Server) => void) {
  const warnings: string[] = [];
  const logger = { log() {}, error() {}, debug() {}, warn: (line: string) => void warnings.push(line) };
  const running = await startApp({
    providers: [SlowGateway, QuickGateway],
    controllers: [LatePage],
    options: { shutdown: { drain: 200 } },
    nest: { logger },
    configure: (app: INestApplication) => configure(app.getHttpServer()),
  });
  return { ...running, conflicts: () => warnings.filter(line => line.includes('"upgrade" listener')) };
}

function attachSocketIo(server: Server): void {
  const io = new SocketIo({ destroyUpgradeTimeout: IDLE_MS });
  io.attach(server);
  onTestFinished(() => void io.engine.close());
}

function attachBare(server: Server): void {
  const bare = new WebSocketServer({ server, path: '/other' });
  bare.on('error', () => {});
  onTestFinished(() => bare.close());
}

function attachGreedy(server: Server): void {
  const greedy = new WebSocketServer({ server });
  greedy.on('error', () => {});
  greedy.on('connection', socket => socket.send('{"from":"another"}'));
  onTestFinished(() => greedy.close());
}

describe('Socket.IO on the same server', () => {
  it('does not end a handshake that takes longer than its own time for upgrades', async () => {
    const { url, conflicts } = await start(attachSocketIo);
    const client = await Client.connect(`${url}/slow`);
    expect((await client.request('x')).data).toBe(1);
    expect(conflicts()).toEqual([]);
  });

  it('does not end a request that was an offer of another protocol', async () => {
    const { url } = await start(attachSocketIo);
    const headers = { Upgrade: 'h2c', 'Sec-WebSocket-Key': undefined, 'Sec-WebSocket-Version': undefined };
    expect((await (await RawUpgrade.to(`${url}/late`, { headers })).answered).status).toBe(200);
  });

  it('ends upgrades that nobody takes, and they are counted', async () => {
    const { url, get } = await start(attachSocketIo);
    await (
      await RawUpgrade.to(`${url}/nope`)
    ).closed;
    while (get(FanoutMetrics).rejected.path === 0) await new Promise(setImmediate);
  });
});

describe('a listener that ends the upgrades of others', () => {
  it.each([
    ['a ws server with a path, attached before', attachBare],
    [
      'a ws server with a path, attached after',
      (server: Server) => void server.on('listening', () => attachBare(server)),
    ],
    [
      'a listener that destroys what it does not know',
      (server: Server) => void server.on('upgrade', (_: IncomingMessage, socket: Duplex) => socket.destroy()),
    ],
    [
      'a listener that ends it later',
      (server: Server) =>
        void server.on('upgrade', (_: IncomingMessage, socket: Duplex) => {
          setImmediate(() => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
        }),
    ],
  ])('is named once in the log: %s', async (_, attach) => {
    const { url, conflicts } = await start(attach);
    for (let n = 0; n < 2; n++) {
      const socket = new WebSocket(`${url}/slow`);
      socket.on('error', () => {});
      await new Promise(resolve => socket.on('close', resolve));
    }
    expect(conflicts()).toHaveLength(1);
    expect(conflicts()[0]).toContain('/slow');
    expect(conflicts()[0]).toContain('noServer: true');
  });

  it.each([
    ['before', attachGreedy],
    ['after', (server: Server) => void server.on('listening', () => attachGreedy(server))],
  ])('is named when it makes WebSockets of all upgrades, attached %s', async (_, attach) => {
    const { url, conflicts } = await start(attach);
    const client = await Client.connect(`${url}/quick`);
    expect(await client.next(frame => frame.from !== undefined)).toEqual({ from: 'another' });
    expect(conflicts()).toHaveLength(1);
    expect(conflicts()[0]).toContain('/quick');
  });

  it('is not named for a client that leaves by itself', async () => {
    const { url, conflicts, app } = await start(server => void server.on('upgrade', () => {}));
    const raw = await RawUpgrade.to(`${url}/slow`);
    raw.socket.destroy();
    const quick = await Client.connect(`${url}/quick`);
    quick.socket.close();
    await quick.closed;
    await app.close();
    expect(conflicts()).toEqual([]);
  });

  it('may refuse a client, whose socket is freed', async () => {
    const { url, app } = await start(server => {
      server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
        if (request.url!.endsWith('?bad'))
          socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
      });
    });
    const refused = await RawUpgrade.to(`${url}/quick?bad`);
    expect((await refused.closed).slice(0, 12)).toBe('HTTP/1.1 401');
    expect((await (await RawUpgrade.to(`${url}/quick`)).answered).status).toBe(101);
    await app.close();
  });
});
