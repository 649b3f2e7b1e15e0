import type { Socket } from 'node:net';
import { UseGuards } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  CLOSE,
  Connection,
  Connections,
  CurrentConnection,
  Heartbeat,
  HeartbeatGuard,
  Topic,
} from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { certificate } from '../../support/certificate.js';
import { masked, maskedText, RawClient } from '../../support/raw-client.js';

const PONG = masked(0x8a, Buffer.alloc(0));

class Ends {
  readonly ended: { code: number; reason: string; at: number }[] = [];

  handleDisconnect(_: WebSocket, close?: { code: number; reason: string }): void {
    this.ended.push({ ...close!, at: performance.now() });
  }
}

@Heartbeat({ interval: 40, timeout: 120 })
@UseGuards(HeartbeatGuard)
@WebSocketGateway({ path: '/beat' })
class BeatGateway extends Ends {
  readonly handled: unknown[] = [];

  @Topic('beat')
  beat(): void {}

  @SubscribeMessage('work')
  work(): string {
    return 'done';
  }

  @SubscribeMessage('leave')
  leave(@CurrentConnection() connection: Connection): void {
    this.handled.push('leave');
    connection.close();
  }

  @SubscribeMessage('note')
  note(): void {
    this.handled.push('note');
  }
}

/** Its pings are the clock by which pings of others are counted. */
@Heartbeat({ interval: 10, timeout: 60_000 })
@WebSocketGateway({ path: '/clock' })
class ClockGateway extends Ends {}

@Heartbeat({ interval: 200, timeout: 400 })
@WebSocketGateway({ path: '/slow' })
class SlowGateway extends Ends {}

@Heartbeat(false)
@WebSocketGateway({ path: '/quiet' })
class QuietGateway extends Ends {}

/** @param bytesRead what every socket of the server says, as on a runtime that does not count */
async function start(transport: string, bytesRead?: number) {
  const { url, get } = await startApp({
    providers: [BeatGateway, ClockGateway, SlowGateway, QuietGateway],
    options: { limits: { messagesPerSecond: 0 } },
    nest: transport === 'wss' ? { httpsOptions: certificate() } : {},
    configure: app =>
      app.getHttpServer().on(transport === 'wss' ? 'secureConnection' : 'connection', (socket: Socket) => {
        if (bytesRead !== undefined) Object.defineProperty(socket, 'bytesRead', { value: bytesRead });
      }),
  });
  const gateway = get(BeatGateway);
  return {
    url,
    gateway,
    quiet: get(QuietGateway),
    slow: get(SlowGateway),
    broadcaster: get(Broadcaster),
    connections: get(Connections),
    /** Lets the time pass in which a client that says nothing is found dead. */
    async aTimeout(): Promise<void> {
      const before = gateway.ended.length;
      await RawClient.connect(`${url}/beat`);
      await eventually(() => gateway.ended.length > before, 'the end of a silent client');
    },
  };
}

/** Answers each ping, with the pong of an empty one, while it is to. */
function answerPings(client: RawClient, holds: () => boolean): void {
  let answered = 0;
  client.socket.on('data', () => {
    for (; answered < client.pings && holds(); answered++) client.socket.write(PONG);
  });
}

/** Does something again and again until the test is over with it. */
function every(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  return () => clearInterval(timer);
}

/** What a client does until its last byte. */
const DEATHS: [string, (client: RawClient) => Promise<void>][] = [
  ['says nothing at all', async () => {}],
  [
    'dies after a pong',
    async client => {
      answerPings(client, () => client.pings <= 3);
      await client.until(() => client.pings === 3);
    },
  ],
  [
    'dies within a message',
    async client => {
      answerPings(client, () => client.pings <= 2);
      await client.until(() => client.pings === 2);
      // Between two pings.
      await new Promise(resolve => setTimeout(resolve, 50));
      client.socket.write(maskedText('x'.repeat(1000)).subarray(0, 500));
    },
  ],
];

describe.each(['ws', 'wss'])('a heartbeat over %s', transport => {
  it('ends a client that does not pong, after its timeout, with CLOSE.HEARTBEAT for the server', async () => {
    const { url, gateway, connections, broadcaster } = await start(transport);
    const from = performance.now();
    const silent = await Client.connect(`${url}/beat`, [], { autoPong: false });
    let pings = 0;
    silent.socket.on('ping', () => pings++);
    await silent.subscribe('beat');
    expect((await silent.closed).code).toBe(1006);
    await eventually(() => gateway.ended.length === 1, 'handleDisconnect');
    expect(gateway.ended).toMatchObject([CLOSE.HEARTBEAT]);
    expect(gateway.ended[0]!.at - from).toBeGreaterThan(120);
    expect(gateway.ended[0]!.at - from).toBeLessThan(3000);
    expect(pings).toBeGreaterThan(0);
    expect(connections.size).toBe(0);
    expect(broadcaster.publish('beat', 1)).toBe(0);
  });

  it('keeps a client that answers pings and says nothing else', async () => {
    const { url, gateway, aTimeout } = await start(transport);
    const client = await Client.connect(`${url}/beat`);
    let pings = 0;
    client.socket.on('ping', () => pings++);
    await aTimeout();
    await aTimeout();
    expect(pings).toBeGreaterThan(1);
    expect((await client.request('work')).data).toBe('done');
    expect(gateway.ended).toHaveLength(2);
  });

  it('keeps a client that answers pings where the runtime does not count the bytes read', async () => {
    const { url, gateway, aTimeout } = await start(transport, 0);
    const client = await Client.connect(`${url}/beat`);
    let pings = 0;
    client.socket.on('ping', () => pings++);
    await aTimeout();
    await aTimeout();
    expect(pings).toBeGreaterThan(1);
    expect((await client.request('work')).data).toBe('done');
    expect(gateway.ended).toHaveLength(2);
  });

  it('keeps a client that sends messages without ever answering a ping, and does not ping it', async () => {
    const { url, gateway, aTimeout } = await start(transport);
    const talker = await RawClient.connect(`${url}/beat`);
    const stop = every(5, () => talker.send({ event: 'work' }));
    // Before it has said anything it may have been pinged.
    await talker.until(() => talker.texts.length > 0);
    const { pings } = talker;
    await aTimeout();
    await aTimeout();
    expect(talker.pings).toBe(pings);
    expect(gateway.ended).toHaveLength(2);
    stop();
    await talker.closed;
    await eventually(() => gateway.ended.length === 3, 'its end, now that it is silent');
    expect(talker.pings).toBeGreaterThan(pings);
  });

  it('pings idle clients that answer as often as one that does not', async () => {
    const { url } = await start(transport);
    const silent = await RawClient.connect(`${url}/clock`);
    const idle = await Promise.all(Array.from({ length: 6 }, () => RawClient.connect(`${url}/clock`)));
    for (const client of idle) answerPings(client, () => true);
    await silent.until(() => silent.pings >= 100);
    for (const { pings } of idle) expect(pings).toBeGreaterThan(80);
  });

  it.each(DEATHS)('finds a client that %s without an interval more', async (_, die) => {
    const { url, slow } = await start(transport);
    const clock = await RawClient.connect(`${url}/clock`);
    const dying = await Promise.all(Array.from({ length: 6 }, () => RawClient.connect(`${url}/slow`)));
    // Pings of the clock, twenty to an interval, from its last byte to its end.
    const lasted = await Promise.all(
      dying.map(async client => {
        await die(client);
        const from = clock.pings;
        await client.closed;
        return clock.pings - from;
      }),
    );
    await eventually(() => slow.ended.length === 6, 'handleDisconnect of all');
    // Forty are the timeout; with an interval more it would be sixty.
    expect(Math.min(...lasted)).toBeGreaterThan(30);
    expect(Math.max(...lasted)).toBeLessThan(50);
  });

  it('takes every byte for life, also of a message that is not whole yet', async () => {
    const { url, gateway, aTimeout } = await start(transport);
    const dripper = await RawClient.connect(`${url}/beat`);
    dripper.socket.write(Buffer.from([0x81, 0x80 | 126, 0xea, 0x60, 0, 0, 0, 0]));
    const stop = every(5, () => dripper.socket.write('x'));
    await aTimeout();
    await aTimeout();
    expect(gateway.ended).toHaveLength(2);
    expect(dripper.socket.destroyed).toBe(false);
    stop();
    await dripper.closed;
  });

  it('is never sent where @Heartbeat(false) is', async () => {
    const { url, quiet, aTimeout } = await start(transport);
    const client = await RawClient.connect(`${url}/quiet`);
    await aTimeout();
    await aTimeout();
    client.send({ event: 'ping' });
    await client.until(() => client.texts.length === 1);
    expect(client.frames).toHaveLength(1);
    expect(quiet.ended).toEqual([]);
  });

  it('does not end a client that is only sent much', async () => {
    const { url, gateway, broadcaster, aTimeout } = await start(transport);
    const client = await Client.connect(`${url}/beat`);
    await client.subscribe('beat');
    const stop = every(1, () => broadcaster.publish('beat', 'x'.repeat(1000)));
    await aTimeout();
    await aTimeout();
    stop();
    expect(gateway.ended).toHaveLength(2);
    expect((await client.request('work')).data).toBe('done');
  });
});

describe('HeartbeatGuard', () => {
  it('refuses the messages of a connection that is closing', async () => {
    const { url, gateway } = await start('ws');
    const client = await RawClient.connect(`${url}/beat`);
    client.send({ event: 'note' }, { event: 'leave' }, { event: 'note' }, { event: 'note' });
    await client.until(() => client.close !== undefined);
    client.socket.end();
    await eventually(() => gateway.ended.length === 1, 'handleDisconnect');
    expect(gateway.handled).toEqual(['note', 'leave']);
  });

  it('lets the messages of a living connection pass', async () => {
    const { url, gateway } = await start('ws');
    const client = await Client.connect(`${url}/beat`);
    client.send({ event: 'note' });
    expect((await client.request('work')).data).toBe('done');
    expect(gateway.handled).toEqual(['note']);
  });
});
