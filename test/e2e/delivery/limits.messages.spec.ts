import type { Socket } from 'node:net';
import { type CanActivate, UseGuards } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  CLOSE,
  type Connection,
  Connections,
  FanoutMetrics,
  type FanoutOptions,
  Topic,
} from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { masked, RawClient } from '../../support/raw-client.js';

/** Lets go on all who came to it, when the test says so. */
class Gate {
  readonly waiting: (() => void)[] = [];

  pass(): Promise<void> {
    return new Promise(resolve => this.waiting.push(resolve));
  }

  open(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

const hooks = new Gate();
const guards = new Gate();

class Slow implements CanActivate {
  async canActivate(): Promise<boolean> {
    await guards.pass();
    return true;
  }
}

@WebSocketGateway()
class Gateway {
  readonly work = new Gate();
  handled = 0;
  asked = 0;

  async handleConnection(_: WebSocket, { url }: { url: string }): Promise<void> {
    if (url.endsWith('?waits')) await hooks.pass();
  }

  @SubscribeMessage('note')
  note(): void {
    this.handled++;
  }

  @SubscribeMessage('slow')
  async slow(): Promise<number> {
    const at = ++this.handled;
    await this.work.pass();
    return at;
  }

  @Topic('room.:id')
  room(): void {}

  @UseGuards(Slow)
  @Topic('guarded.:id')
  guarded(): void {
    this.asked++;
  }
}

async function start(limits: FanoutOptions['limits'] = {}, options: FanoutOptions = {}) {
  const { url, get } = await startApp({ providers: [Gateway], options: { limits, ...options } });
  const [metrics, connections] = [get(FanoutMetrics), get(Connections)];
  return {
    url,
    gateway: get(Gateway),
    connections,
    broadcaster: get(Broadcaster),
    connect: (path = '/') => Client.connect(url + path),
    /** Causes that were counted, and how often. */
    rejected: () => Object.fromEntries(Object.entries(metrics.rejected).filter(([, count]) => count > 0)),
    /** The connection of the next client. */
    connected: async (): Promise<Connection> => {
      await eventually(() => connections.size > 0, 'a connection');
      return [...connections].at(-1)!;
    },
  };
}

const codes = (client: Client): unknown[] => client.frames.map(({ event, data }) => data?.code ?? event);

describe('limits.bytesPerSecond', () => {
  it('answers what goes over with RATE_LIMITED before it is parsed, and counts it', async () => {
    const { connect, gateway, rejected } = await start({ bytesPerSecond: 1, payload: 1000 });
    const client = await connect();
    const message = JSON.stringify({ event: 'note', data: 'x'.repeat(500 - 26) });
    expect(message).toHaveLength(500);
    for (let i = 0; i < 4; i++) client.send(message);
    for (let i = 0; i < 3; i++) client.send('not even JSON');
    await client.until(() => client.frames.length === 3);
    expect(gateway.handled).toBe(4);
    expect(codes(client)).toEqual(['RATE_LIMITED', 'RATE_LIMITED', 'RATE_LIMITED']);
    expect(rejected()).toEqual({ 'byte-rate': 3 });
  });

  it('counts the bytes of a text, not its characters, and those of fragments together', async () => {
    const { connect, rejected, gateway } = await start({ bytesPerSecond: 1, payload: 1000 });
    const client = await connect();
    const message = JSON.stringify({ event: 'note', data: '…'.repeat(300) });
    expect(message.length).toBeLessThan(400);
    client.socket.send(message.slice(0, 100), { fin: false });
    client.socket.send(message.slice(100), { fin: true });
    client.send(message);
    client.send(message);
    await client.until(() => client.frames.length === 1);
    expect(gateway.handled).toBe(2);
    expect(rejected()).toEqual({ 'byte-rate': 1 });
  });
});

describe('limits.messagesPerSecond', () => {
  it('is counted by its own cause', async () => {
    const { connect, rejected } = await start({ messagesPerSecond: 1, burst: 2 });
    const client = await connect();
    for (let i = 0; i < 5; i++) client.send({ event: 'ping' });
    await client.until(() => client.frames.length === 5);
    expect(rejected()).toEqual({ 'message-rate': 3 });
  });
});

describe('limits.subscribesPerSecond', () => {
  const limits = { subscribesPerSecond: 1, topicsPerConnection: 4 };
  const unknown = (client: Client, id: number): void =>
    client.send({ event: 'subscribe', id, data: { topics: ['a', 'b', 'c', 'd'] } });

  it('refuses what goes over with one answer, however many topics the message names', async () => {
    const { connect, rejected } = await start(limits);
    const client = await connect();
    for (let id = 1; id <= 5; id++) unknown(client, id);
    await client.request('ping');
    expect(codes(client)).toEqual([
      ...Array(8).fill('UNKNOWN_TOPIC'),
      ...Array(3).fill('RATE_LIMITED'),
      'pong',
    ]);
    expect(client.frames[8]).toStrictEqual({
      event: 'error',
      id: 3,
      data: { code: 'RATE_LIMITED', message: expect.any(String) },
    });
    expect(rejected()).toEqual({ topic: 8, 'subscribe-rate': 3 });
  });

  it('lets a client leave what it has, and limits the answers about what it has not', async () => {
    const { connect, connections, rejected } = await start(limits);
    const client = await connect();
    await client.subscribe('room.1');
    await client.subscribe('unknown');
    unknown(client, 1);
    unknown(client, 2);
    client.send({ event: 'unsubscribe', id: 'u', data: { topics: ['a', 'room.1', 'b', 7] } });
    await client.request('ping');
    expect(codes(client).slice(-4)).toEqual(['RATE_LIMITED', 'unsubscribed', 'RATE_LIMITED', 'pong']);
    expect([...connections][0]!.topics.size).toBe(0);
    expect(rejected()).toMatchObject({ 'subscribe-rate': 2 });
  });

  it('0 is no limit', async () => {
    const { connect } = await start({ ...limits, subscribesPerSecond: 0 });
    const client = await connect();
    for (let id = 1; id <= 20; id++) unknown(client, id);
    await client.until(() => client.frames.length === 80);
    expect(new Set(codes(client))).toEqual(new Set(['UNKNOWN_TOPIC']));
  });
});

describe('limits.topics', () => {
  it('answers a client that would add one more with BUSY, and no other', async () => {
    const { connect, connected, rejected, broadcaster } = await start({ topics: 2, rejections: 1 });
    const [first, second] = [await connect(), await connect()];
    await first.subscribe('room.1');
    await first.subscribe('room.2');
    for (let i = 0; i < 5; i++) {
      expect(await second.subscribe('room.3')).toMatchObject({
        event: 'error',
        data: { code: 'BUSY', topic: 'room.3' },
      });
    }
    expect((await second.subscribe('room.1')).event).toBe('subscribed');
    expect((await first.subscribe('room.1')).event).toBe('subscribed');
    expect(rejected()).toEqual({ topics: 5 });
    expect((await connected()).subscribe('room.4')).toBe(true);
    expect(broadcaster.subscribers('room.4')).toBe(1);
    await first.request('unsubscribe', { topic: 'room.2' });
    (await connected()).unsubscribe('room.4');
    expect((await second.subscribe('room.3')).event).toBe('subscribed');
  });

  it('is kept also by those whose guards take time, and their methods are not asked', async () => {
    const { connect, gateway, rejected, broadcaster } = await start({ topics: 3 });
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect()));
    const answers = clients.map((client, i) => client.subscribe(`guarded.${i}`));
    await eventually(() => guards.waiting.length === 10, 'all guards');
    guards.open();
    const events = (await Promise.all(answers)).map(({ event }) => event);
    expect(events.filter(event => event === 'subscribed')).toHaveLength(3);
    expect(gateway.asked).toBe(3);
    expect(rejected()).toEqual({ topics: 7 });
    expect(clients.filter((_, i) => broadcaster.subscribers(`guarded.${i}`) === 1)).toHaveLength(3);
  });

  it('is kept before guards are asked, where that is known', async () => {
    const { connect } = await start({ topics: 1 });
    const client = await connect();
    await client.subscribe('room.1');
    expect((await client.subscribe('guarded.1')).data.code).toBe('BUSY');
    expect(guards.waiting).toHaveLength(0);
  });

  it('0 lets clients have those that there are', async () => {
    const { connect, connected } = await start({ topics: 0 });
    const client = await connect();
    expect((await client.subscribe('room.1')).data.code).toBe('BUSY');
    (await connected()).subscribe('room.1');
    const other = await connect();
    expect((await other.subscribe('room.1')).event).toBe('subscribed');
  });
});

describe('limits.inFlight', () => {
  it('is how many messages of one connection are handled at once', async () => {
    const { connect, gateway } = await start({ inFlight: 3 });
    const client = await connect();
    for (let id = 1; id <= 5; id++) client.send({ event: 'slow', id });
    await eventually(() => gateway.work.waiting.length === 3, 'three handlers');
    await client.socket.ping();
    await new Promise(resolve => client.socket.once('pong', resolve));
    expect(gateway.handled).toBe(3);
    gateway.work.waiting.splice(1, 1)[0]!();
    expect((await client.next(() => true)).id).toBe(2);
    await eventually(() => gateway.handled === 4, 'the fourth');
    gateway.work.open();
    await eventually(() => gateway.handled === 5, 'the fifth');
    gateway.work.open();
    await client.until(() => client.frames.length === 5);
  });

  it('is one if nothing is said', async () => {
    const { connect, gateway } = await start();
    const client = await connect();
    for (let id = 1; id <= 3; id++) client.send({ event: 'slow', id });
    for (let handled = 1; handled <= 3; handled++) {
      await eventually(() => gateway.work.waiting.length === 1, 'a handler');
      expect(gateway.handled).toBe(handled);
      gateway.work.open();
    }
    await client.until(() => client.frames.length === 3);
    expect(client.frames.map(({ id }) => id)).toEqual([1, 2, 3]);
  });
});

describe('limits.unreadyBytes', () => {
  const bytes = (size: number): string => JSON.stringify({ event: 'note', data: 'x'.repeat(size - 26) });

  it('closes who sends more while it waits, and gives back what waited', async () => {
    const { connect, gateway, rejected } = await start({ unreadyBytes: 1000 });
    const first = await connect('/?waits');
    first.send(bytes(600));
    const greedy = await connect('/?waits');
    greedy.send(bytes(300));
    greedy.send(bytes(300));
    expect(await greedy.closed).toEqual(CLOSE.BUSY);
    expect(CLOSE.BUSY.code).toBe(4013);
    expect(rejected()).toEqual({ 'unready-bytes': 1 });
    const third = await connect('/?waits');
    third.send(bytes(400));
    await eventually(() => hooks.waiting.length === 3, 'all hooks');
    hooks.open();
    await eventually(() => gateway.handled === 2, 'what waited of those two');
    const next = await connect('/?waits');
    next.send(bytes(1000));
    await eventually(() => hooks.waiting.length === 1, 'the hook');
    hooks.open();
    await eventually(() => gateway.handled === 3, 'what waited of the next');
    expect(rejected()).toEqual({ 'unready-bytes': 1 });
  });

  it('is given back when a client leaves before it is ready, once its hooks have settled', async () => {
    const { connect, connections, gateway } = await start({ unreadyBytes: 1000 });
    const gone = await connect('/?waits');
    gone.send(bytes(1000));
    await gone.close();
    await eventually(() => connections.size === 0 && hooks.waiting.length === 1, 'its end');
    hooks.open();
    const next = await connect('/?waits');
    next.send(bytes(1000));
    await eventually(() => hooks.waiting.length === 1, 'the hook');
    hooks.open();
    await eventually(() => gateway.handled === 1, 'what waited');
  });

  it('is not about connections that are ready', async () => {
    const { connect, gateway } = await start({ unreadyBytes: 0 });
    const client = await connect();
    client.send({ event: 'slow' });
    client.send({ event: 'note' });
    await eventually(() => gateway.work.waiting.length === 1, 'the handler');
    gateway.work.open();
    await eventually(() => gateway.handled === 2, 'what waited for a handler');
  });
});

describe('limits.bufferedChunks', () => {
  it('closes with 1008 when an unfinished frame comes in more pieces', async () => {
    const { url, connected, rejected } = await start({ bufferedChunks: 4 });
    const raw = await RawClient.connect(url);
    const { _socket: transport } = (await connected()).socket as unknown as { _socket: Socket };
    const frame = masked(0x81, Buffer.from('x'.repeat(100)));
    for (let i = 0; i < 20 && raw.close === undefined; i++) {
      const before = transport.bytesRead;
      raw.socket.write(frame.subarray(i, i + 1));
      await eventually(() => transport.bytesRead > before || raw.close !== undefined, 'a piece');
    }
    expect(raw.close!.code).toBe(1008);
    expect(rejected()).toEqual({ fragments: 1 });
  });
});

describe('limits.messageTime', () => {
  it.each([
    ['a frame that does not end', masked(0x81, Buffer.from('x'.repeat(100))).subarray(0, 50)],
    ['the first byte of a frame', Buffer.of(0x81)],
    [
      'fragments without a last one',
      Buffer.concat([masked(0x01, Buffer.from('x')), masked(0x89, Buffer.alloc(0))]),
    ],
  ])('closes with CLOSE.UNFINISHED after %s, without a heartbeat too', async (_, begun) => {
    const { url, rejected, connect } = await start({ messageTime: 100 }, { heartbeat: false });
    const healthy = await connect();
    const raw = await RawClient.connect(url);
    raw.socket.write(begun);
    // It answers nothing, and what it reads may begin with a pong.
    let read = Buffer.alloc(0);
    raw.socket.on('data', chunk => (read = Buffer.concat([read, chunk])));
    await eventually(() => read.includes(CLOSE.UNFINISHED.reason), 'the close');
    expect(read.readUInt16BE(read.indexOf(CLOSE.UNFINISHED.reason) - 2)).toBe(1008);
    expect((await healthy.request('ping')).event).toBe('pong');
    expect(rejected()).toEqual({ 'message-time': 1 });
  });
});
