import { BadRequestException, type CanActivate, ConflictException, UseGuards } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { CLOSE, Connections, FanoutMetrics, type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SocketConnection } from '../../../lib/connection/socket-connection.js';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { masked, maskedDeflatedText, maskedText, RawClient } from '../../support/raw-client.js';

class Never implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

const later: (() => void)[] = [];

class Later implements CanActivate {
  canActivate(): Promise<boolean> {
    return new Promise(resolve => later.push(() => resolve(false)));
  }
}

@WebSocketGateway()
class Gateway {
  handled = 0;
  readonly ends: number[] = [];

  handleDisconnect(_: unknown, close?: any): void {
    this.ends.push(close.code);
  }

  @SubscribeMessage('work')
  work(): void {
    this.handled++;
  }

  @SubscribeMessage('conflict')
  conflict(): never {
    throw new ConflictException('as ever');
  }

  @SubscribeMessage('exception')
  exception(): never {
    throw new WsException('as ever');
  }

  @SubscribeMessage('broken')
  broken(): never {
    throw new TypeError('a fault of the application');
  }

  @UseGuards(Never)
  @SubscribeMessage('denied')
  denied(): void {}

  @UseGuards(Later)
  @SubscribeMessage('late')
  late(): void {}

  @UseGuards(Never)
  @Topic('denied')
  deniedTopic(): void {}

  @Topic('refused')
  refused(): never {
    throw new BadRequestException();
  }

  @Topic('room.:id')
  room(): void {
    this.handled++;
  }
}

/** What the application logged, line by line. */
class Lines {
  readonly all: string[] = [];
  readonly errors: unknown[] = [];

  log(): void {}

  warn(line: string): void {
    this.all.push(line);
  }

  error(error: unknown): void {
    this.errors.push(error);
  }

  /** Those about what was refused. */
  get refused(): string[] {
    return this.all.filter(line => line.startsWith('refused '));
  }
}

async function start(limits: FanoutOptions['limits'] = {}, options: FanoutOptions = {}) {
  const lines = new Lines();
  const { url, get, app } = await startApp({
    providers: [Gateway],
    options: { limits, ...options },
    configure: running => running.useLogger(lines),
  });
  const metrics = get(FanoutMetrics);
  return {
    app,
    url,
    lines,
    gateway: get(Gateway),
    connect: () => Client.connect(url),
    rejected: () => Object.fromEntries(Object.entries(metrics.rejected).filter(([, count]) => count > 0)),
  };
}

describe('FanoutMetrics.rejected', () => {
  it.each([
    ['message', ['not JSON', '{}', { event: 'nothing.of.the.kind' }]],
    [
      'topic',
      [
        { event: 'subscribe', data: { topic: 'no.such.topic' } },
        { event: 'subscribe', data: { topic: '' } },
        { event: 'subscribe', data: { topic: 'room.1', maxRate: 1 } },
        { event: 'unsubscribe' },
      ],
    ],
    ['topics-per-connection', [{ event: 'subscribe', data: { topics: Array.from('abcdefg') } }]],
    ['denied', [{ event: 'denied' }, { event: 'subscribe', data: { topic: 'denied' } }]],
  ])('counts what is answered with an error frame: %s', async (cause, messages) => {
    const { connect, rejected } = await start({ topicsPerConnection: 5 });
    const client = await connect();
    for (const message of messages) client.send(message);
    await client.until(() => client.frames.length === messages.length);
    expect(rejected()).toEqual({ [cause]: messages.length });
  });

  it('counts each topic of a message', async () => {
    const { connect, rejected } = await start();
    const client = await connect();
    client.send({ event: 'subscribe', data: { topics: ['no.a', 'room.1', 'no.b', 'denied'] } });
    await client.until(() => client.frames.length === 4);
    expect(rejected()).toEqual({ topic: 2, denied: 1 });
  });

  it.each([
    ['protocol', 1002, 'reserved bits', masked(0xf1, Buffer.from('x'))],
    ['protocol', 1002, 'no mask', Buffer.from([0x81, 1, 120])],
    ['protocol', 1007, 'text that is none', masked(0x81, Buffer.from([0xff]))],
    ['payload', 1009, 'a frame above limits.payload', masked(0x81, Buffer.alloc(1001))],
    [
      'payload',
      1009,
      'a length beyond all numbers',
      Buffer.concat([Buffer.of(0x81, 0xff), Buffer.alloc(8, 255)]),
    ],
    [
      'fragments',
      1008,
      'fragments',
      Buffer.concat([masked(1, Buffer.alloc(1)), ...Array<Buffer>(9).fill(masked(0, Buffer.alloc(1)))]),
    ],
  ])('counts frames that ws does not take: %s, %i for %s', async (cause, code, _, bytes) => {
    const { url, rejected, gateway } = await start({ payload: 1000, fragments: 5 });
    const raw = await RawClient.connect(url);
    raw.socket.write(bytes);
    await raw.until(() => raw.close !== undefined);
    expect(raw.close!.code).toBe(code);
    expect(rejected()).toEqual({ [cause]: 1 });
    await eventually(() => gateway.ends.length > 0, 'the end');
    expect(gateway.ends).toEqual([code]);
  });

  it('counts messages that do not inflate', async () => {
    const { url, rejected, gateway } = await start({}, { compression: true });
    const raw = await RawClient.connect(url, undefined, 'permessage-deflate');
    raw.socket.write(masked(0xc1, Buffer.from('this is not deflated')));
    await raw.until(() => raw.close !== undefined);
    expect(rejected()).toEqual({ protocol: 1 });
    const bomb = await RawClient.connect(url, undefined, 'permessage-deflate');
    bomb.socket.write(maskedDeflatedText('x'.repeat(100_000)));
    await bomb.until(() => bomb.close !== undefined);
    expect(rejected()).toEqual({ protocol: 1, payload: 1 });
    await eventually(() => gateway.ends.length === 2, 'both ends');
    expect(gateway.ends).toEqual([1007, 1009]);
  });

  // A TLS socket cannot be reset.
  it.skipIf(process.env.FANOUT_TLS)('does not count a connection that breaks', async () => {
    const { url, rejected, connect } = await start();
    const raw = await RawClient.connect(url);
    raw.socket.resetAndDestroy();
    await raw.closed;
    await (await connect()).request('ping');
    expect(rejected()).toEqual({});
  });
});

describe('the log', () => {
  it('has the first few refusals of a minute, with the address and nothing that the client wrote', async () => {
    const { connect, lines, rejected } = await start();
    const client = await connect();
    for (let i = 0; i < 50; i++) client.send({ event: `evil\nline ${i}\u001b[31m` });
    await client.until(() => client.frames.length === 50);
    expect(rejected()).toEqual({ message: 50 });
    expect(lines.refused).toHaveLength(3);
    for (const line of lines.refused) expect(line).toMatch(/^refused client 127\.0\.0\.1: message that is /);
  });

  it('has the first few errors of the application with their stacks, however often a client provokes them', async () => {
    const { connect, lines, rejected } = await start();
    const client = await connect();
    for (let i = 0; i < 50; i++) client.send({ event: 'broken' });
    await client.until(() => client.frames.length === 50);
    expect(new Set(client.frames.map(({ data }) => data.code))).toEqual(new Set(['INTERNAL']));
    expect(lines.errors).toHaveLength(3);
    expect(lines.errors[0]).toMatchObject({ stack: expect.stringContaining('Gateway.broken') });
    expect(rejected()).toEqual({});
  });
});

describe('limits.rejections', () => {
  it('reads 64 KiB more of whoever it closed, and is rid of it though it answers nothing', async () => {
    const { url, app, gateway } = await start({ rejections: 2, messagesPerSecond: 0, bytesPerSecond: 0 });
    const witness = await Client.connect(url);
    const attacker = await RawClient.connect(url);
    const [, connection] = [...app.get(Connections)] as SocketConnection[];
    attacker.send({}, {}, {});
    await attacker.until(() => attacker.close?.code === 1008);
    const { bytesRead } = connection!.output;
    attacker.socket.write(Buffer.concat(Array<Buffer>(100_000).fill(maskedText('{"event":"work"}'))));
    for (let i = 0; i < 5; i++) await witness.request('ping');
    expect(connection!.output.bytesRead).toBeLessThan(bytesRead + 2 * 65_536);
    await eventually(() => app.get(Connections).size === 1, 'the end of the attacker');
    expect(gateway.handled).toBe(0);
  });

  it.each([
    ['pings', masked(0x89, Buffer.alloc(0)), { pings: 1 }],
    ['messages', maskedText('{"event":"work"}'), { 'message-rate': 3, abuse: 1 }],
  ])('shuts out who floods with %s while it is closed for something else', async (_, frame, causes) => {
    const { url, app, gateway, rejected } = await start({ rejections: 2, messagesPerSecond: 5 });
    const witness = await Client.connect(url);
    const attacker = await RawClient.connect(url);
    const [, connection] = [...app.get(Connections)] as SocketConnection[];
    connection!.close(4500);
    await attacker.until(() => attacker.close?.code === 4500);
    const { bytesRead } = connection!.output;
    attacker.socket.write(Buffer.concat(Array<Buffer>(400_000).fill(frame)));
    await eventually(() => connection!.output.bytesRead >= bytesRead + 65_536, 'the flood');
    for (let i = 0; i < 5; i++) await witness.request('ping');
    expect(connection!.output.bytesRead).toBeLessThan(bytesRead + 3 * 65_536);
    await eventually(() => app.get(Connections).size === 1, 'the end of the attacker');
    expect(rejected()).toEqual(causes);
    expect(gateway.handled).toBe(0);
  });

  it('has room again when whoever it closed has gone', async () => {
    const { url, app, gateway } = await start({ rejections: 2, messagesPerSecond: 0, bytesPerSecond: 0 });
    const attacker = await RawClient.connect(url);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    attacker.send({}, {}, {});
    await attacker.until(() => attacker.close?.code === 1008);
    attacker.socket.end();
    await vi.waitUntil(() => app.get(Connections).size === 0);
    expect(gateway.ends).toEqual([1008]);
  });

  it('handles nothing of what waits of one whose frame was bad', async () => {
    const { url, gateway } = await start();
    const [witness, attacker] = [await Client.connect(url), await RawClient.connect(url)];
    later.length = 0;
    attacker.send({ event: 'late' }, { event: 'work' });
    await eventually(() => later.length === 1, 'the guard of the first message');
    attacker.socket.write(masked(0x8f, Buffer.alloc(0)));
    await attacker.until(() => attacker.close?.code === 1002);
    for (const refuse of later.splice(0)) refuse();
    await witness.request('ping');
    expect(gateway.handled).toBe(0);
  });

  it('closes with CLOSE.ABUSE above it, after the answer, and handles nothing more', async () => {
    const { url, connect, gateway, rejected } = await start({ rejections: 5 });
    const healthy = await connect();
    const raw = await RawClient.connect(url);
    const bad = Array.from({ length: 6 }, () => maskedText('no'));
    raw.socket.write(Buffer.concat([...bad, maskedText('{"event":"work"}'), ...bad]));
    await raw.until(() => raw.close !== undefined);
    expect(raw.close).toEqual(CLOSE.ABUSE);
    expect(CLOSE.ABUSE.code).toBe(1008);
    expect(raw.messages).toHaveLength(6);
    expect(gateway.handled).toBe(0);
    expect(rejected()).toEqual({ message: 6, abuse: 1 });
    expect((await healthy.request('ping')).event).toBe('pong');
  });

  it('ends a message with many topics where it closes', async () => {
    const { url, gateway, rejected } = await start({ rejections: 5 });
    const raw = await RawClient.connect(url);
    const unknown = Array.from({ length: 20 }, (_, i) => `no.${i}`);
    raw.send({ event: 'subscribe', data: { topics: [...unknown, 'room.1'] } });
    await raw.until(() => raw.close !== undefined);
    expect(raw.messages).toHaveLength(6);
    expect(gateway.handled).toBe(0);
    expect(rejected()).toEqual({ topic: 6, abuse: 1 });
  });

  it('closes once, though more is refused when it has closed', async () => {
    const { connect, rejected } = await start({ rejections: 1, inFlight: 5 });
    const client = await connect();
    for (let i = 0; i < 5; i++) client.send({ event: 'late' });
    await eventually(() => later.length === 5, 'five guards');
    for (const deny of later.splice(0)) deny();
    expect(await client.closed).toEqual(CLOSE.ABUSE);
    expect(rejected()).toEqual({ denied: 2, abuse: 1 });
  });

  it('does not hold answers of the application against a client', async () => {
    const { connect, rejected } = await start({ rejections: 1 });
    const client = await connect();
    for (let i = 0; i < 5; i++) {
      expect((await client.request('conflict')).data.code).toBe('CONFLICT');
      expect((await client.request('exception')).data.code).toBe('EXCEPTION');
      expect((await client.request('broken')).data.code).toBe('INTERNAL');
      expect((await client.subscribe('refused')).data.code).toBe('BAD_REQUEST');
    }
    expect(rejected()).toEqual({});
  });

  it('counts each connection by itself, and 0 is no limit', async () => {
    const { connect } = await start({ rejections: 2 });
    const clients = [await connect(), await connect()];
    for (const client of clients) for (let i = 0; i < 2; i++) await client.request('no.such.event');
    for (const client of clients) expect((await client.request('ping')).event).toBe('pong');
    const unlimited = await start({ rejections: 0, messagesPerSecond: 0 });
    const client = await unlimited.connect();
    for (let i = 0; i < 3000; i++) client.send('no');
    await client.until(() => client.frames.length === 3000);
    await eventually(() => unlimited.rejected()['message'] === 3000, 'all of them');
  });
});
