import net from 'node:net';
import type { Duplex } from 'node:stream';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, Connections, FanoutMetrics } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

describe('an upgrade that is left to another listener', () => {
  it('harms nobody when its peer resets it', async () => {
    @WebSocketGateway({ path: '/ours' })
    class Gateway {}
    const { app, url } = await startApp({ providers: [Gateway], nest: {} });
    const left = new Promise<Duplex>(resolve => {
      app.getHttpServer().on('upgrade', (_: unknown, socket: Duplex) => resolve(socket));
    });
    const { hostname, port } = new URL(url);
    const peer = net.connect(Number(port), hostname);
    onTestFinished(() => void peer.destroy());
    peer.write('GET /theirs HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    // Not once(), which would listen to errors itself.
    const closed = left.then(socket => new Promise(resolve => socket.on('close', resolve)));
    await left;
    peer.resetAndDestroy();
    // An error nobody listens to would be an uncaught exception by now.
    await closed;
    expect((await Client.connect(`${url}/ours`)).socket.readyState).toBe(1);
  });
});

describe('a handleConnection that hangs', () => {
  it('is followed by handleDisconnect all the same, once its time is up', async () => {
    const ended: unknown[] = [];
    @WebSocketGateway()
    class Gateway {
      handleConnection(): Promise<void> {
        return new Promise(() => {});
      }

      handleDisconnect(_: WebSocket, close?: unknown): void {
        ended.push(close);
      }
    }
    const { url } = await startApp({ providers: [Gateway], options: { limits: { handshake: 50 } } });
    const [patient, gone] = [await Client.connect(url), await Client.connect(url)];
    gone.socket.terminate();
    expect(await patient.closed).toEqual(CLOSE.HANDSHAKE_TIMEOUT);
    await eventually(() => ended.length === 2, 'handleDisconnect of both');
    expect(ended).toContainEqual(CLOSE.HANDSHAKE_TIMEOUT);
  });
});

describe('a connection that is paused behind a handler that hangs', () => {
  it('ends when its client has gone', async () => {
    @WebSocketGateway()
    class Gateway {
      @SubscribeMessage('hang')
      hang(): Promise<void> {
        return new Promise(() => {});
      }
    }
    const { url, get } = await startApp({
      providers: [Gateway],
      options: { heartbeat: { interval: 100, timeout: 300 }, shutdown: { drain: 100 } },
    });
    const client = await Client.connect(url);
    const [connection] = get(Connections);
    for (let i = 0; i < 30; i++) client.send({ event: 'hang' });
    await eventually(() => connection!.socket.isPaused, 'the pause');
    // Lies before the end of the stream, in a buffer that nobody reads.
    await new Promise<unknown>(resolve => client.socket.send('{"event":"hang"}', resolve));
    client.socket.terminate();
    await eventually(() => get(Connections).size === 0, 'its end');
  });
});

describe('an asynchronous verifyClient', () => {
  it('is asked about no more clients at once than limits.connections, and admits no more', async () => {
    const waiting: ((pass: boolean) => void)[] = [];
    @WebSocketGateway({
      verifyClient: (_: unknown, done: (pass: boolean) => void) => void waiting.push(done),
    })
    class Gateway {}
    const { url, get } = await startApp({ providers: [Gateway], options: { limits: { connections: 2 } } });
    const opening = Array.from({ length: 5 }, () => Client.connect(url));
    const refused = Promise.allSettled(opening);
    await eventually(() => get(FanoutMetrics).rejected.connections === 3, 'the refusal of three');
    expect(waiting).toHaveLength(2);
    for (const done of waiting) done(true);
    const outcomes = await refused;
    const clients = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(clients).toHaveLength(2);
    for (const client of clients) expect((await client.request('ping')).event).toBe('pong');
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(String(outcome.reason)).toContain('503');
  });
});
