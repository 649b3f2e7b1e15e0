import { Ack, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  type Close,
  CLOSE,
  type Connection,
  CurrentConnection,
  type FanoutOptions,
  Topic,
} from 'nestjs-fanout';
import { from, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { Client, eventually } from '../../support/client.js';
import { atRest, startDelivery } from '../../support/delivery.js';
import { RawClient } from '../../support/raw-client.js';
import { KIB, turn } from '../../support/slow.js';

/** Of one answer. Many of them are more than the kernel takes for a client that does not read. */
const SIZE = 900 * KIB;
const MANY = 14;

/** The default of `slowConsumer.maxBytes`. */
const MAX_BYTES = 1024 * KIB;

const LARGE = 'x'.repeat(SIZE);

@WebSocketGateway()
class Gateway {
  readonly ended: (Close | undefined)[] = [];
  /** What was answered, or is about to be. */
  readonly made: unknown[] = [];

  handleDisconnect(_: WebSocket, close?: Close): void {
    this.ended.push(close);
  }

  #large(n: unknown): object {
    this.made.push(n);
    return { n, text: LARGE };
  }

  @SubscribeMessage('value')
  value(@MessageBody() n: number): object {
    return this.#large(n);
  }

  @SubscribeMessage('promise')
  async promise(@MessageBody() n: number): Promise<object> {
    await turn();
    return this.#large(n);
  }

  @SubscribeMessage('ack')
  ack(@MessageBody() n: number, @Ack() ack: (data: unknown) => void): void {
    ack(this.#large(n));
  }

  @SubscribeMessage('send')
  async send(@MessageBody() n: number, @CurrentConnection() connection: Connection): Promise<void> {
    await turn();
    connection.send('sent', this.#large(n));
  }

  @SubscribeMessage('observable')
  observable(@MessageBody() n: number): Observable<object> {
    return from([this.#large(n)]);
  }

  @SubscribeMessage('generator')
  async *generator(@MessageBody() n: number): AsyncGenerator<object> {
    for (let i = 0; i < MANY; i++) {
      await turn();
      yield this.#large(`${n}.${i}`);
    }
  }

  @SubscribeMessage('emitter')
  emitter(): Observable<object> {
    return from(Array.from({ length: MANY }, (_, n) => ({ n, text: LARGE })));
  }

  @SubscribeMessage('loop')
  async loop(@CurrentConnection() connection: Connection): Promise<void> {
    for (let i = 0; i < MANY; i++) {
      connection.send('sent', this.#large(i));
      await turn();
    }
  }

  @Topic('news')
  news(): void {}
}

async function start(options: FanoutOptions = {}) {
  const running = await startDelivery([Gateway], options);
  const gateway = running.get(Gateway);
  const client = await RawClient.connect(running.url);
  client.socket.pause();
  const [connection] = running.connections as Iterable<Connection>;
  return { ...running, gateway, client, connection: connection! };
}

type Running = Awaited<ReturnType<typeof start>>;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Asks for many large answers at once. */
function ask({ client }: Running, event: string, count = MANY): void {
  client.send(...numbers(count).map(n => ({ event, id: n, data: n })));
}

/** Waits until the client has so much unread that nothing more is made for it. */
async function untilFull({ gateway: { made }, connection }: Running): Promise<void> {
  await eventually(() => connection.bufferedBytes > 64 * KIB, 'a full socket');
  let before = -1;
  while (before < made.length) {
    before = made.length;
    for (let i = 0; i < 20; i++) await turn();
  }
}

/** Reads on until there are so many frames, and gives the numbers in them. */
async function readOn({ client }: Running, frames: number): Promise<unknown[]> {
  client.socket.resume();
  await client.until(() => client.count >= frames || client.close !== undefined, 15_000);
  expect(client.close).toBeUndefined();
  return client.messages.filter(({ data }) => data?.n !== undefined).map(({ data }) => data.n);
}

describe('large replies that a client asks for at once, and does not read at first,', () => {
  it.each([
    ['value', 1],
    ['promise', 1],
    ['ack', 1],
    ['send', 1],
    ['observable', 2],
  ])('all arrive in order (%s), and each is made when there is room for it', async (event, frames) => {
    const running = await start();
    const { gateway, connection } = running;
    ask(running, event);
    await untilFull(running);
    expect(gateway.made.length).toBeLessThan(MANY);
    expect(connection.bufferedBytes).toBeLessThan(MAX_BYTES + SIZE + KIB);
    expect(await readOn(running, MANY * frames)).toEqual(numbers(MANY));
    expect(gateway.ended).toEqual([]);
    await atRest(running);
  });

  it.each(['promise', 'send'])('all arrive when several are made at the same time (%s)', async event => {
    const running = await start({ limits: { inFlight: 3 } });
    const { gateway, connection } = running;
    ask(running, event);
    await untilFull(running);
    expect(gateway.made.length).toBeLessThan(MANY);
    expect(connection.bufferedBytes).toBeLessThan(MAX_BYTES + 3 * (SIZE + KIB));
    const read = await readOn(running, MANY);
    expect(read.sort((a, b) => Number(a) - Number(b))).toEqual(numbers(MANY));
    expect(gateway.ended).toEqual([]);
  });

  it('all arrive when they are larger than maxBytes', async () => {
    const running = await start({ slowConsumer: { maxBytes: 64 * KIB } });
    ask(running, 'value');
    await untilFull(running);
    expect(running.connection.bufferedBytes).toBeLessThan(64 * KIB + SIZE + KIB);
    expect(await readOn(running, MANY)).toEqual(numbers(MANY));
  });

  it('all arrive from generators side by side, and none has more than one value ready', async () => {
    const running = await start();
    const { gateway, connection } = running;
    ask(running, 'generator', 2);
    await untilFull(running);
    const stopped = gateway.made.length;
    expect(stopped).toBeLessThan(2 * MANY);
    expect(connection.bufferedBytes).toBeLessThan(64 * KIB + SIZE + KIB);
    const read = await readOn(running, 2 * MANY + 2);
    for (const n of [0, 1])
      expect(read.filter(value => String(value).startsWith(`${n}.`))).toEqual(
        numbers(MANY).map(i => `${n}.${i}`),
      );
    expect(gateway.ended).toEqual([]);
  });

  it('let publications through, and what is asked for after them', async () => {
    const running = await start();
    const { client, gateway, broadcaster } = running;
    client.socket.resume();
    await client.subscribe('news');
    client.socket.pause();
    ask(running, 'value');
    await untilFull(running);
    for (const n of numbers(5)) broadcaster.publish('news', `news ${n}`);
    client.send({ event: 'ping', id: 'last' });
    const expected = 1 + 5 + MANY + 1;
    expect(await readOn(running, expected)).toEqual(numbers(MANY));
    const messages = client.messages.map(({ topic, data, id }) => (topic === 'news' ? data : id));
    expect(messages.filter(data => String(data).startsWith('news '))).toHaveLength(5);
    expect(messages.indexOf('news 4')).toBeLessThan(messages.indexOf(MANY - 1));
    expect(messages.at(-1)).toBe('last');
    expect(gateway.ended).toEqual([]);
  });

  it('leave what else the client sends with the client', async () => {
    const running = await start({ limits: { messagesPerSecond: 0, bytesPerSecond: 0 } });
    const { client, gateway, connection } = running;
    ask(running, 'value', 100);
    await untilFull(running);
    const { length } = gateway.made;
    expect(connection.socket.isPaused).toBe(true);
    // More than the kernel takes for a server that does not read.
    const filler = { event: 'no.such.event', data: 'y'.repeat(60 * KIB) };
    client.send(...Array.from({ length: 300 }, () => filler));
    for (let i = 0; i < 50; i++) await turn();
    expect(client.socket.writableLength).toBeGreaterThan(KIB);
    expect(gateway.made).toHaveLength(length);
    expect(connection.bufferedBytes).toBeLessThan(MAX_BYTES + SIZE + KIB);
  });
});

it('a client that answers pings gets everything, though its answers are not read while its messages wait', async () => {
  const running = await startDelivery([Gateway], { heartbeat: { interval: 400, timeout: 5000 } });
  const client = await Client.connect(running.url);
  const [connection] = running.connections as Iterable<Connection>;
  // The server knows by now that it answers pings.
  await client.request('value', -1);
  await eventually(() => connection!.lag > 0, 'an answer to a ping');
  for (const n of numbers(20)) client.send({ event: 'value', id: `n${n}`, data: n });
  await eventually(() => connection!.socket.isPaused, 'the pause');
  client.socket.pause();
  for (let i = 0; i < 50; i++) await turn();
  client.socket.resume();
  await client.until(() => client.frames.length === 1 + 20);
  expect(client.frames.map(({ data }) => data.n)).toEqual([-1, ...numbers(20)]);
  expect(running.get(Gateway).ended).toEqual([]);
});

describe('who does not read', () => {
  it('its replies is closed after the time of grace, and what it asked for is not made', async () => {
    const running = await start({ slowConsumer: { grace: 600 } });
    const { client, gateway } = running;
    ask(running, 'value');
    await untilFull(running);
    const { length } = gateway.made;
    await eventually(() => running.connection.socket.readyState !== 1, 'the close');
    client.socket.destroy();
    await eventually(() => gateway.ended.length === 1, 'the end of the connection');
    expect(gateway.ended).toEqual([CLOSE.SLOW]);
    expect(gateway.made).toHaveLength(length);
    await atRest(running);
  });

  it('a generator is closed after the time of grace too', async () => {
    const running = await start({ slowConsumer: { grace: 600 } });
    ask(running, 'generator', 1);
    await eventually(() => running.connection.socket.readyState !== 1, 'the close');
    running.client.socket.destroy();
    await eventually(() => running.gateway.ended.length === 1, 'the end of the connection');
    expect(running.gateway.ended).toEqual([CLOSE.SLOW]);
  });

  it.each(['emitter', 'loop'])('what comes without being pulled is closed at maxBytes (%s)', async event => {
    const running = await start();
    const { client, gateway } = running;
    ask(running, event, 1);
    await eventually(() => running.connection.socket.readyState !== 1, 'the close');
    client.socket.destroy();
    await eventually(() => gateway.ended.length === 1, 'the end of the connection');
    expect(gateway.ended).toEqual([CLOSE.SLOW]);
  });

  it('what it is sent unasked is closed at maxBytes', async () => {
    const running = await start();
    const { client, gateway, connection } = running;
    for (let i = 0; i < MANY && connection.socket.readyState === 1; i++) {
      connection.send('tick', LARGE);
      await turn();
    }
    client.socket.destroy();
    await eventually(() => gateway.ended.length === 1, 'the end of the connection');
    expect(gateway.ended).toEqual([CLOSE.SLOW]);
  });
});
