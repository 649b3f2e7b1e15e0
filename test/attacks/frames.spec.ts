import type { IncomingMessage } from 'node:http';
import { BadRequestException } from '@nestjs/common';
import { SubscribeMessage, MessageBody, WebSocketGateway, WsException } from '@nestjs/websockets';
import { CLOSE, Connections, FanoutMetrics } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { masked, maskedText, RawClient } from '../support/raw-client.js';
import { Gate } from '../support/gate.js';
import type { RunningApp } from '../support/app.js';
import { Client, eventually } from '../support/client.js';
import { upgradeStatus } from '../support/attacks/raw-request.js';
import { CountingLogger, startFanout, startPlain } from '../support/attacks/servers.js';

@WebSocketGateway()
class Gateway {
  readonly ready = new Gate();
  readonly lengths: number[] = [];
  /** How many listen to errors of each socket, the first time that the application sees it. */
  readonly listening: { socket: number; transport: number }[] = [];

  handleConnection(client: WebSocket, request: { url: string; socket: NodeJS.EventEmitter }): unknown {
    this.listening.push({
      socket: client.listenerCount('error'),
      transport: request.socket.listenerCount('error'),
    });
    return request.url.endsWith('?waits') ? this.ready.passed : undefined;
  }

  @SubscribeMessage('note')
  note(@MessageBody() data: string): string {
    this.lengths.push(data.length);
    return 'noted';
  }

  @SubscribeMessage('refuse')
  refuse(): never {
    throw new WsException('not like this');
  }

  @SubscribeMessage('quote')
  quote(@MessageBody() data: string): never {
    throw new BadRequestException([`not like this: ${data}`, data]);
  }
}

describe('A2 a message above 64 KiB', () => {
  const message = JSON.stringify({ event: 'note', data: 'x'.repeat(65 * 1024) });

  it('control: is handled by WsAdapter', async () => {
    const { url, get } = await startPlain({ providers: [Gateway] });
    (await Client.connect(url)).send(message);
    await eventually(() => get(Gateway).lengths.length === 1, 'the message');
  });

  it('is closed with 1009, whole, in fragments, or announced only, and not handled', async () => {
    const { url, get } = await startFanout({ providers: [Gateway] });
    const whole = await Client.connect(url);
    whole.send(message);
    expect((await whole.closed).code).toBe(1009);
    const pieces = await RawClient.connect(url);
    for (const first of [0x01, 0x00]) pieces.socket.write(masked(first, Buffer.alloc(33 * 1024, 'x')));
    const announced = await RawClient.connect(url);
    // A head that says that 2^53 − 1 bytes follow.
    announced.socket.write(Buffer.from('81ff001fffffffffffff00000000', 'hex'));
    for (const client of [pieces, announced]) {
      await client.until(() => client.close !== undefined);
      expect(client.close?.code).toBe(1009);
    }
    expect(get(Gateway).lengths).toEqual([]);
  });
});

/** Everything that a client must not send: RFC 6455 section 5. */
const BAD_FRAMES: Record<string, Buffer> = {
  'reserved bits': masked(0xf1, Buffer.from('x')),
  'compressed, though nobody agreed to that': masked(0xc1, Buffer.from('x')),
  'a reserved opcode': masked(0x83, Buffer.from('x')),
  'a reserved control opcode': masked(0x8b, Buffer.from('x')),
  'no mask': Buffer.from('810178', 'hex'),
  'text that is no UTF-8': masked(0x81, Buffer.from('c0afff', 'hex')),
  'a fragmented ping': masked(0x09, Buffer.from('x')),
  'a ping of 126 bytes': masked(0x89, Buffer.alloc(126)),
  'a continuation of nothing': masked(0x80, Buffer.from('x')),
  'a message within a message': Buffer.concat([
    masked(0x01, Buffer.from('x')),
    masked(0x81, Buffer.from('x')),
  ]),
  'a close of one byte': masked(0x88, Buffer.from('x')),
  'a close code that may not be sent': masked(0x88, Buffer.from('03ed', 'hex')),
  'a close reason that is no UTF-8': masked(0x88, Buffer.from('03e8ff', 'hex')),
  'a length above 2^53': Buffer.from('81ffffffffffffffffff00000000', 'hex'),
};

describe('A14, A28 a frame that breaks the protocol', () => {
  it.each(['/', '/?waits'])('is closed, and harms nobody, on %s', async path => {
    const { url, get } = await startFanout({ providers: [Gateway] });
    const bystander = await Client.connect(url);
    for (const [name, bytes] of Object.entries(BAD_FRAMES)) {
      const client = await RawClient.connect(url + path);
      client.socket.write(bytes);
      await client.until(() => client.close !== undefined);
      expect([1002, 1007, 1009], name).toContain(client.close!.code);
      // What still comes is not read as frames.
      client.socket.end(Buffer.concat([bytes, maskedText('{"event":"note","data":"late"}')]));
    }
    expect((await bystander.request('note', 'on')).data).toBe('noted');
    get(Gateway).ready.open();
    await eventually(() => get(Connections).size === 1, 'the end of the others');
    expect(get(Gateway).lengths).toEqual([2]);
  });

  it('has a listener for errors from the first moment', async () => {
    const { url, get } = await startFanout({ providers: [Gateway] });
    await Client.connect(url);
    const [{ socket, transport }] = get(Gateway).listening as [{ socket: number; transport: number }];
    expect(socket).toBeGreaterThan(0);
    expect(transport).toBeGreaterThan(0);
  });

  it.each(['/', '/?waits'])('is not missed from who resets at once, on %s', async path => {
    const { url, get } = await startFanout({ providers: [Gateway] });
    const bystander = await Client.connect(url);
    for (let i = 0; i < 20; i++) {
      const client = await RawClient.connect(url + path);
      client.socket.write(masked(0xf1, Buffer.from('x')));
      client.socket.resetAndDestroy();
    }
    get(Gateway).ready.open();
    await eventually(() => get(Connections).size === 1, 'the end of the others');
    expect((await bystander.request('note', 'on')).data).toBe('noted');
  });
});

describe('A38 a flood of upgrades that make a function of the application throw', () => {
  const COUNT = 20;
  const decode = (header = '') => decodeURIComponent(header) !== '';

  @WebSocketGateway({ verifyClient: ({ req }: { req: IncomingMessage }) => decode(req.headers.cookie) })
  class Decoding {}

  it.each([
    ['verifyClient', {}, { Cookie: '%' }],
    ['origins', { origins: decode }, { Origin: '%' }],
  ])('of %s is counted, and logged a few times', async (_, options, headers) => {
    const logger = new CountingLogger();
    const { url, get } = await startFanout({ providers: [Decoding], options, logger });
    for (let i = 0; i < COUNT; i++) expect(await upgradeStatus(url, '/', headers)).toBe(500);
    expect(get(FanoutMetrics).rejected.guard).toBe(COUNT);
    expect(logger.lines.length).toBeGreaterThan(0);
    expect(logger.lines.length).toBeLessThan(10);
  });
});

describe('A38 a flood of bad frames', () => {
  const COUNT = 100;

  /** Breaks the protocol a hundred times, and sends as many messages that are none. */
  const attack = async ({ url }: RunningApp): Promise<void> => {
    const junk = await RawClient.connect(url);
    for (let i = 0; i < COUNT; i++) {
      const client = await RawClient.connect(url);
      client.socket.write(masked(0xf1, Buffer.from('x')));
      await client.until(() => client.close !== undefined);
      junk.socket.write(maskedText('{'));
    }
  };

  it('control: WsAdapter logs a line and a stack for each', async () => {
    const logger = new CountingLogger();
    await attack(await startPlain({ providers: [Gateway], logger }));
    expect(logger.lines.length).toBeGreaterThanOrEqual(COUNT);
  });

  it('is counted, and logged a few times', async () => {
    const logger = new CountingLogger();
    const running = await startFanout({ providers: [Gateway], logger });
    await attack(running);
    const { rejected } = running.get(FanoutMetrics);
    expect(rejected).toMatchObject({ protocol: COUNT });
    await eventually(() => running.get(FanoutMetrics).rejected.message === COUNT, 'every message');
    expect(logger.lines.length).toBeGreaterThan(0);
    expect(logger.lines.length).toBeLessThan(10);
  });

  it('of one connection is ended by closing it', async () => {
    const { url, get } = await startFanout({
      providers: [Gateway],
      options: { limits: { rejections: 10, messagesPerSecond: 0 } },
    });
    const [client, bystander] = [await RawClient.connect(url), await Client.connect(url)];
    for (let i = 0; i < COUNT; i++) client.send('no message');
    await client.until(() => client.close !== undefined);
    expect(client.close).toEqual(CLOSE.ABUSE);
    expect(client.texts.length).toBeLessThan(COUNT / 2);
    expect(get(FanoutMetrics).rejected.abuse).toBe(1);
    expect((await bystander.request('note', 'on')).data).toBe('noted');
  });
});

describe('A37 a bad request of 50 kB', () => {
  const bytes = 50_000;

  /** Bytes of the answer. */
  const attack = async ({ url }: RunningApp, event: unknown): Promise<number> => {
    const client = await Client.connect(url);
    const answer = new Promise<Buffer>(resolve => client.socket.once('message', resolve));
    client.send({ event, data: 'x'.repeat(bytes) });
    return (await answer).length;
  };

  it('control: WsAdapter sends it back', async () => {
    expect(await attack(await startPlain({ providers: [Gateway] }), 'refuse')).toBeGreaterThan(bytes);
  });

  it.each([
    ['a handler refuses', 'refuse'],
    ['a handler quotes in its error', 'quote'],
    ['nobody handles', 'unknown'],
    ['names no topic', 'subscribe'],
    ['has a long event', 'x'.repeat(10_000)],
    ['has a number for an event', 7],
  ])('that %s is answered with 512 bytes at most', async (_, event) => {
    expect(await attack(await startFanout({ providers: [Gateway] }), event)).toBeLessThanOrEqual(512);
  });
});
