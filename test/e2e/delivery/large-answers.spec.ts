import { Ack, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  type Close,
  type Connection,
  CurrentConnection,
  type FanoutOptions,
  Topic,
  TopicName,
} from 'nestjs-fanout';
import { from, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { eventually } from '../../support/client.js';
import { atRest, startDelivery } from './support/delivery.js';
import { RawClient } from './support/raw-client.js';
import { KIB, turn } from './support/slow.js';

/** Of one answer. Many of them are more than the kernel takes for a client that does not read. */
const SIZE = 900 * KIB;
const MANY = 30;

/** The default of `slowConsumer.maxBytes`. */
const MAX_BYTES = 1024 * KIB;

const LARGE = 'x'.repeat(SIZE);

@WebSocketGateway()
class Gateway {
  readonly ended: (Close | undefined)[] = [];
  readonly asked: unknown[] = [];

  handleDisconnect(_: WebSocket, close?: Close): void {
    this.ended.push(close);
  }

  #large(n: unknown): object {
    this.asked.push(n);
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

  @SubscribeMessage('error')
  error(@MessageBody() n: number): void {
    this.asked.push(n);
    throw Object.assign(new Error(), { message: LARGE });
  }

  @SubscribeMessage('observable')
  observable(@MessageBody() n: number): Observable<object> {
    return from([this.#large(n)]);
  }

  @SubscribeMessage('generator')
  async *generator(@MessageBody() n: number): AsyncGenerator<object> {
    yield this.#large(n);
    await turn();
    yield this.#large(n + 0.5);
  }

  @SubscribeMessage('flood')
  flood(): Observable<object> {
    return from(Array.from({ length: MANY }, (_, n) => ({ n, text: LARGE })));
  }

  @Topic('sync.:n')
  sync(@TopicName() name: string): object {
    return this.#large(name);
  }

  @Topic('async.:n')
  async async(@TopicName() name: string): Promise<object> {
    await turn();
    return this.#large(name);
  }
}

async function start(options: FanoutOptions = {}) {
  const running = await startDelivery([Gateway], options);
  const gateway = running.get(Gateway);
  const client = await RawClient.connect(running.url);
  client.socket.pause();
  const [connection] = running.connections as Iterable<Connection>;
  return { ...running, gateway, client, connection: connection! };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Reads on until there are so many text frames. */
async function readOn(client: RawClient, frames: number): Promise<any[]> {
  client.socket.resume();
  await client.until(() => client.frames.length >= frames || client.close !== undefined, 15_000);
  expect(client.close).toBeUndefined();
  return client.messages;
}

/** Waits until the client has so much unread that nothing more is made for it. */
async function untilFull({ asked }: Gateway, connection: Connection): Promise<void> {
  let before = -1;
  await eventually(() => connection.bufferedBytes > MAX_BYTES, 'a full socket');
  while (before < asked.length) {
    before = asked.length;
    for (let i = 0; i < 20; i++) await turn();
  }
}

describe('large replies that a client asks for at once, and does not read at first,', () => {
  it.each([
    ['value', 1],
    ['promise', 1],
    ['ack', 1],
    ['send', 1],
    ['observable', 2],
  ])('all arrive in order (%s), and each is made when there is room for it', async (event, frames) => {
    const { client, gateway, connection, core, pool } = await start();
    client.send(...numbers(MANY).map(n => ({ event, id: n, data: n })));
    await untilFull(gateway, connection);
    expect(gateway.asked.length).toBeLessThan(MANY);
    expect(connection.bufferedBytes).toBeLessThan(MAX_BYTES + SIZE + KIB);
    const messages = await readOn(client, MANY * frames);
    expect(messages.filter(({ data }) => data).map(({ data }) => data.n)).toEqual(numbers(MANY));
    expect(gateway.ended).toEqual([]);
    await atRest({ core, pool });
  });
});
