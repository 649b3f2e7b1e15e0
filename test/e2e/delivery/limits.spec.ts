import type { IncomingMessage } from 'node:http';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, Connections, type FanoutOptions } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { RawClient } from '../../support/raw-client.js';

@WebSocketGateway({ path: '/limited' })
class Gateway {
  readonly ended: { code: number; reason: string }[] = [];
  handled = 0;

  async handleConnection(_: WebSocket, { url }: IncomingMessage): Promise<void> {
    if (url!.endsWith('?throws')) throw new Error('secret of the inside');
    if (url!.endsWith('?hangs')) await new Promise(() => {});
  }

  handleDisconnect(_: WebSocket, close?: { code: number; reason: string }): void {
    this.ended.push(close!);
  }

  @SubscribeMessage('work')
  work(): number {
    return ++this.handled;
  }
}

async function start(options: FanoutOptions = {}) {
  const { url, get } = await startApp({ providers: [Gateway], options });
  return { url, gateway: get(Gateway), connections: get(Connections) };
}

/** Status and headers of a refused handshake. */
function refusal(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { rejectUnauthorized: false });
    socket.once('unexpected-response', (request, response) => {
      response.resume();
      request.destroy();
      resolve(response);
    });
    socket.once('open', () => reject(new Error('was let in')));
    socket.on('error', reject);
  });
}

describe('limits.connections', () => {
  it('answers one more with 503 and Retry-After, and lets in again when one has gone', async () => {
    const { url, connections } = await start({ limits: { connections: 2 } });
    const [first] = [await Client.connect(`${url}/limited`), await Client.connect(`${url}/limited`)];
    const { statusCode, headers } = await refusal(`${url}/limited`);
    expect(statusCode).toBe(503);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(connections.size).toBe(2);
    await first!.close();
    await eventually(() => connections.size === 1, 'the end of one');
    await Client.connect(`${url}/limited`);
    expect(connections.size).toBe(2);
  });
});

describe('a path', () => {
  it.each(['/', '/unlimited', '/limited/deeper', '/Limited', '/%6cimited'])(
    'that no gateway has, %s, is answered with 404',
    async path => {
      const { url } = await start();
      expect((await refusal(url + path)).statusCode).toBe(404);
    },
  );

  it('matches with a slash at the end and with a query', async () => {
    const { url } = await start();
    for (const path of ['/limited/', '/limited?a=b', '/limited/?a=/b']) {
      const client = await Client.connect(url + path);
      expect((await client.request('work')).event).toBe('work');
    }
  });
});

describe('limits.payload', () => {
  it('closes with 1009 above it, and not at it', async () => {
    const { url, gateway } = await start({ limits: { payload: 1024 } });
    const client = await Client.connect(`${url}/limited`);
    const fits = JSON.stringify({ event: 'ping', id: 'fits', data: '' });
    client.send(fits.replace('""', `"${'x'.repeat(1024 - fits.length)}"`));
    expect((await client.next(frame => frame.id === 'fits')).event).toBe('pong');
    client.send(`"${'x'.repeat(1023)}"`);
    expect((await client.closed).code).toBe(1009);
    await eventually(() => gateway.ended.length === 1, 'the end');
  });
});

describe('limits.fragments', () => {
  it('closes above it', async () => {
    const { url, connections } = await start({ limits: { fragments: 4 } });
    const raw = await RawClient.connect(`${url}/limited`);
    const empty = Buffer.from([0, 0x80, 0, 0, 0, 0]);
    raw.socket.write(Buffer.concat([Buffer.from([1, 0x80, 0, 0, 0, 0]), ...Array<Buffer>(10).fill(empty)]));
    await raw.until(() => raw.close !== undefined);
    expect(raw.close!.code).toBe(1008);
    raw.socket.end();
    await eventually(() => connections.size === 0, 'the end');
  });
});

describe('limits.messagesPerSecond', () => {
  it('answers what goes over with RATE_LIMITED, and does not handle it', async () => {
    const { url, gateway } = await start({ limits: { messagesPerSecond: 1, burst: 5 } });
    const client = await Client.connect(`${url}/limited`);
    for (let i = 0; i < 20; i++) client.send({ event: 'work', id: i });
    await client.until(() => client.frames.length === 20);
    const refused = client.frames.filter(({ event }) => event === 'error');
    expect(refused.length).toBeGreaterThanOrEqual(13);
    expect(refused[0]).toStrictEqual({
      event: 'error',
      data: { code: 'RATE_LIMITED', message: expect.any(String) },
    });
    expect(gateway.handled).toBe(20 - refused.length);
    expect(gateway.handled).toBeGreaterThanOrEqual(5);
    const other = await Client.connect(`${url}/limited`);
    expect((await other.request('work')).event).toBe('work');
  });

  it('0 is no limit', async () => {
    const { url, gateway } = await start({ limits: { messagesPerSecond: 0 } });
    const client = await Client.connect(`${url}/limited`);
    for (let i = 0; i < 1000; i++) client.send({ event: 'work', id: i });
    await client.until(() => client.frames.length === 1000);
    expect(gateway.handled).toBe(1000);
    expect(client.frames.map(({ id }) => id)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });
});

describe('handleConnection', () => {
  it('that throws closes its own connection with 1011', async () => {
    const { url, gateway } = await start();
    const [bad, good] = [
      await Client.connect(`${url}/limited?throws`),
      await Client.connect(`${url}/limited`),
    ];
    expect(await bad.closed).toEqual(CLOSE.HOOK_FAILED);
    expect(CLOSE.HOOK_FAILED.code).toBe(1011);
    await eventually(() => gateway.ended.length === 1, 'the end of the bad one');
    expect((await good.request('work')).event).toBe('work');
  });

  it('that hangs is given up after limits.handshake', async () => {
    const { url, gateway } = await start({ limits: { handshake: 50 } });
    const client = await Client.connect(`${url}/limited?hangs`);
    client.send({ event: 'work' });
    expect(await client.closed).toEqual(CLOSE.HANDSHAKE_TIMEOUT);
    expect(CLOSE.HANDSHAKE_TIMEOUT.code).toBe(4008);
    expect(gateway.handled).toBe(0);
    expect(client.frames).toEqual([]);
  });
});
