import { WebSocketGateway } from '@nestjs/websockets';
import { type Close, type Connection, type FanoutOptions, Topic, TopicName } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { Client, eventually } from '../../support/client.js';
import { atRest, startDelivery } from '../../support/delivery.js';
import { RawClient } from '../../support/raw-client.js';
import { KIB, turn } from '../../support/slow.js';

/** Of one snapshot. Many of them are more than the kernel takes for a client that does not read. */
const SIZE = 600 * KIB;
const MANY = 20;

/** The default of `slowConsumer.maxBytes`. */
const MAX_BYTES = 1024 * KIB;

const LARGE = 'x'.repeat(SIZE);

@WebSocketGateway()
class Gateway {
  readonly ended: (Close | undefined)[] = [];
  /** Topics whose methods were asked. */
  readonly asked: string[] = [];

  handleDisconnect(_: WebSocket, close?: Close): void {
    this.ended.push(close);
  }

  @Topic('sync.:n')
  sync(@TopicName() name: string): string {
    this.asked.push(name);
    return LARGE;
  }

  @Topic('async.:n')
  async async(@TopicName() name: string): Promise<string> {
    this.asked.push(name);
    await turn();
    return LARGE;
  }

  @Topic('lossy.:n', { slow: 'gap' })
  lossy(@TopicName() name: string): string {
    this.asked.push(name);
    return LARGE;
  }

  @Topic('room.:n', { presence: { info: () => 'y'.repeat(15 * KIB), debounce: 0 } })
  room(): void {}
}

async function start(options: FanoutOptions = {}) {
  const running = await startDelivery([Gateway], {
    ...options,
    limits: { subscribesPerSecond: 0, messagesPerSecond: 0, ...options.limits },
  });
  const gateway = running.get(Gateway);
  const client = await RawClient.connect(running.url);
  const [connection] = running.connections as Iterable<Connection>;
  return { ...running, gateway, client, connection: connection! };
}

type Running = Awaited<ReturnType<typeof start>>;

const names = (kind: string, count = MANY): string[] =>
  Array.from({ length: count }, (_, n) => `${kind}.${n}`);

/** Waits until the client has so much unread that nothing more is made for it. */
async function untilFull({ connection }: Running): Promise<void> {
  await eventually(() => connection.bufferedBytes > 64 * KIB, 'a full socket');
  let before = -1;
  while (before !== connection.bufferedBytes) {
    before = connection.bufferedBytes;
    for (let i = 0; i < 20; i++) await turn();
  }
  expect(connection.bufferedBytes).toBeLessThan(MAX_BYTES + SIZE + KIB);
}

/** Reads on until there are so many large frames more. */
async function readOn({ client }: Running, count: number): Promise<any[]> {
  const before = client.frames.length;
  const come = (): number =>
    client.frames.slice(before).filter(({ payload }) => payload.length > SIZE / 2).length;
  client.socket.resume();
  await client.until(() => come() === count || client.close !== undefined, 15_000);
  expect(client.close).toBeUndefined();
  return client.frames
    .slice(before)
    .flatMap(({ opcode, payload }) => (opcode === 1 ? JSON.parse(String(payload)) : []));
}

const subscribed = (messages: any[]): string[] =>
  messages
    .filter(({ event, data }) => event === 'subscribed' && JSON.stringify(data.snapshot).length > SIZE / 2)
    .map(({ data }) => data.topic as string);

describe('large snapshots of topics that a client subscribes to at once, and does not read at first,', () => {
  it.each([
    ['in one message', 'sync'],
    ['in one message', 'async'],
    ['in a message each', 'sync'],
    ['in a message each', 'async'],
  ])('all arrive (%s, %s)', async (how, kind) => {
    const running = await start();
    const { client, gateway, broadcaster } = running;
    client.socket.pause();
    const topics = names(kind);
    if (how === 'in one message') client.send({ event: 'subscribe', data: { topics } });
    else client.send(...topics.map(topic => ({ event: 'subscribe', data: { topic } })));
    await untilFull(running);
    if (kind === 'sync' || how !== 'in one message') expect(gateway.asked.length).toBeLessThan(MANY);
    // What is published meanwhile follows, or is in the snapshot.
    for (const topic of topics) broadcaster.publish(topic, 'news');
    expect(subscribed(await readOn(running, MANY)).sort()).toEqual(topics.sort());
    for (const topic of topics) broadcaster.publish(topic, 'more');
    await client.until(
      () =>
        client.frames.filter(({ payload }) => payload.length < KIB && payload.includes('more')).length ===
        MANY,
    );
    expect(gateway.asked).toHaveLength(MANY);
    expect(gateway.ended).toEqual([]);
    await atRest(running);
  });

  it.each(['sync', 'async'])('all arrive when it has the topics already (%s)', async kind => {
    const running = await start();
    const { client, gateway } = running;
    const topics = names(kind);
    client.send({ event: 'subscribe', data: { topics } });
    await readOn(running, MANY);
    client.socket.pause();
    client.send({ event: 'subscribe', data: { topics } });
    await untilFull(running);
    expect(subscribed(await readOn(running, MANY)).sort()).toEqual(topics.sort());
    expect(gateway.ended).toEqual([]);
  });

  it('all arrive when several messages are handled at the same time', async () => {
    const running = await start({ limits: { inFlight: 4 } });
    const { client, gateway } = running;
    client.socket.pause();
    const topics = names('async');
    client.send(...topics.map(topic => ({ event: 'subscribe', data: { topic } })));
    await untilFull(running);
    expect(subscribed(await readOn(running, MANY)).sort()).toEqual(topics.sort());
    expect(gateway.ended).toEqual([]);
  });

  it('all arrive when the server subscribes it', async () => {
    const running = await start();
    const { client, gateway, connection } = running;
    const topics = names('room', 16);
    for (let i = 0; i < 40; i++) {
      const member = await Client.connect(running.url);
      member.send({ event: 'subscribe', data: { topics } });
      await member.until(() => member.frames.length === topics.length);
    }
    await turn();
    client.socket.pause();
    for (const topic of topics) expect(connection.subscribe(`${topic}~presence`)).toBe(true);
    await untilFull(running);
    expect(subscribed(await readOn(running, topics.length))).toEqual(
      topics.map(topic => `${topic}~presence`),
    );
    expect(gateway.ended).toEqual([]);
  });

  it('are not for topics that the server has ended meanwhile', async () => {
    const running = await start();
    const { client, connection } = running;
    client.socket.pause();
    client.send({ event: 'subscribe', data: { topics: names('async') } });
    await untilFull(running);
    expect(connection.unsubscribe('async.19')).toBe(true);
    await readOn(running, MANY - 1);
    await client.until(() => client.count === MANY + 1);
    expect(client.messages.filter(({ data }) => data.topic === 'async.19')).toMatchObject([
      { event: 'unsubscribed' },
      { event: 'error', data: { code: 'FORBIDDEN' } },
    ]);
  });
});

describe('large snapshots for what a slow client has lost', () => {
  it('all arrive, one after the other', async () => {
    const running = await start({ slowConsumer: { maxBytes: MAX_BYTES } });
    const { client, gateway, broadcaster } = running;
    const topics = names('lossy', 10);
    client.send({ event: 'subscribe', data: { topics } });
    await readOn(running, topics.length);
    client.socket.pause();
    const text = 'z'.repeat(100 * KIB);
    for (let n = 0; n < 40; n++) {
      for (const topic of topics) broadcaster.publish(topic, text);
      await turn();
    }
    for (const topic of topics) broadcaster.publish(topic, 'last');
    client.socket.resume();
    const told = (): any[] =>
      client.frames.length < 10 ? [] : client.texts.filter(frame => frame.startsWith('{"event":"gap"'));
    await eventually(() => told().length >= topics.length || client.close !== undefined, 'the gaps');
    expect(client.close).toBeUndefined();
    const gaps = told().map(frame => JSON.parse(frame));
    expect(new Set(gaps.map(({ data }) => data.topic)).size).toBe(topics.length);
    for (const { data } of gaps) expect(data.snapshot).toBe(LARGE);
    expect(gateway.ended).toEqual([]);
  });
});
