import { WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  BufferPool,
  type Close,
  CLOSE,
  Connections,
  type FanoutOptions,
  Topic,
} from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { RawClient } from './support/raw-client.js';

@WebSocketGateway()
class Gateway {
  readonly ended: Close[] = [];
  #end!: (close: Close) => void;
  /** The first connection that ended. */
  readonly end = new Promise<Close>(resolve => (this.#end = resolve));

  handleDisconnect(_: WebSocket, close?: Close): void {
    this.ended.push(close!);
    this.#end(close!);
  }

  @Topic('big')
  big(): void {}

  @Topic('small')
  small(): void {}
}

const KIB = 1024;
const MAX_BYTES = 256 * KIB;
/** More than any kernel takes for a socket that nobody reads, in publications of 32 KiB. */
const MOST_PUBLICATIONS = 1000;

async function start(options: FanoutOptions = {}) {
  const { url, get } = await startApp({
    providers: [Gateway],
    options: { slowConsumer: { maxBytes: MAX_BYTES }, heartbeat: false, ...options },
  });
  return {
    url,
    gateway: get(Gateway),
    broadcaster: get(Broadcaster),
    connections: get(Connections),
    pool: get(BufferPool),
  };
}

/** Publishes until `stop`, no faster than `reader` reads. Returns how many there were. */
async function publishUntil(broadcaster: Broadcaster, reader: Client, stop: () => boolean): Promise<number> {
  let count = 0;
  while (!stop() && count < MOST_PUBLICATIONS) {
    broadcaster.publish('big', { count: ++count, text: 'x'.repeat(32 * KIB) });
    await reader.until(() => reader.publications('big').length === count);
  }
  return count;
}

describe('a reader that never reads', () => {
  it('is closed with CLOSE.SLOW, costs no more than maxBytes, and nobody else notices', async () => {
    const { url, gateway, broadcaster, connections, pool } = await start();
    const [first, second] = [await Client.connect(url), await Client.connect(url)];
    await first.subscribe('big');
    await second.subscribe('big');
    const slow = await RawClient.connect(url);
    await slow.subscribe('big');
    slow.socket.pause();
    const connection = [...connections].at(-1)!;

    let most = 0;
    const published = await publishUntil(broadcaster, first, () => {
      most = Math.max(most, connection.bufferedBytes);
      return connection.socket.readyState !== 1;
    });
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(MAX_BYTES);
    expect(await gateway.end).toMatchObject(CLOSE.SLOW);
    expect(CLOSE.SLOW.code).toBe(4001);
    expect(connections.size).toBe(2);
    expect(broadcaster.publish('big', { count: published + 1 })).toBe(2);

    for (const client of [first, second]) {
      await client.until(() => client.publications('big').length === published + 1);
      expect(client.publications('big').map(({ data }) => data.count)).toEqual(
        Array.from({ length: published + 1 }, (_, i) => i + 1),
      );
    }
    await eventually(() => pool.stats().inUse === 0, 'the return of every slab');
  });

  it('sees the whole frames before the close frame, and then code 4001, when it reads on', async () => {
    const { url, gateway, broadcaster, connections } = await start();
    const reader = await Client.connect(url);
    await reader.subscribe('big');
    const slow = await RawClient.connect(url);
    await slow.subscribe('big');
    slow.socket.pause();
    const connection = [...connections].at(-1)!;
    await publishUntil(broadcaster, reader, () => connection.socket.readyState !== 1);
    slow.socket.resume();
    await slow.until(() => slow.close !== undefined);
    expect(slow.close).toEqual(CLOSE.SLOW);
    const numbers = slow.texts.slice(1).map(text => JSON.parse(text).offset as number);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    expect(numbers.length).toBeGreaterThan(0);
    expect(slow.frames.at(-1)!.opcode).toBe(8);
    slow.socket.end();
    expect(await gateway.end).toMatchObject(CLOSE.SLOW);
  });

  it('is closed also when what piles up are answers to its own messages', async () => {
    const { url, gateway, connections } = await start({
      slowConsumer: { maxBytes: 16 * KIB },
      limits: { messagesPerSecond: 0, payload: 64 * KIB },
    });
    const slow = await RawClient.connect(url);
    slow.socket.pause();
    const [connection] = connections;
    const garbage = Array.from({ length: 500 }, () => ({ event: 'no.such.event', id: 'x'.repeat(64) }));
    while (connection!.socket.readyState === 1) {
      slow.send(...garbage);
      await new Promise(resolve => setImmediate(resolve));
    }
    expect(await gateway.end).toMatchObject(CLOSE.SLOW);
  });
});

describe('slowConsumer.maxBytes', () => {
  it('does not close a reader that keeps up, however much comes at once', async () => {
    const { url, gateway, broadcaster } = await start();
    const client = await Client.connect(url);
    await client.subscribe('big');
    for (let i = 0; i < 64; i++) broadcaster.publish('big', 'y'.repeat(32 * KIB));
    await client.until(() => client.publications('big').length === 64);
    broadcaster.publish('big', 'and on');
    await client.until(() => client.publications('big').length === 65);
    expect(gateway.ended).toEqual([]);
  });

  it('is the most that one publication may take', async () => {
    const { url, broadcaster } = await start();
    const client = await Client.connect(url);
    await client.subscribe('big');
    const fits = 'z'.repeat(MAX_BYTES - 2);
    expect(() => broadcaster.publish('big', `${fits}z`)).toThrow(
      expect.objectContaining({ code: 'FANOUT_PAYLOAD_SIZE' }),
    );
    expect(broadcaster.publish('big', fits)).toBe(1);
    await client.until(() => client.publications('big').length === 1);
    expect(client.publications('big')[0]).toEqual({ topic: 'big', offset: 1, data: fits });
  });
});

describe('a connection that dies with bytes in flight', () => {
  it.each(['resets', 'ends'])('gives its slabs back when it %s', async how => {
    const { url, broadcaster, connections, pool } = await start({
      slowConsumer: { maxBytes: 64 * KIB * KIB },
    });
    const [healthy, dying] = [await Client.connect(url), await RawClient.connect(url)];
    await healthy.subscribe('small');
    await dying.subscribe('big');
    dying.socket.pause();
    const connection = [...connections].at(-1)!;
    while (connection.bufferedBytes < 1024 * KIB) {
      broadcaster.publish('big', 'w'.repeat(32 * KIB));
      await new Promise(resolve => setImmediate(resolve));
    }
    expect(pool.stats().inUse).toBeGreaterThan(10);
    // Node cannot reset a TLS connection.
    if (how === 'resets' && !('encrypted' in dying.socket)) dying.socket.resetAndDestroy();
    else dying.socket.destroy();
    await eventually(() => pool.stats().inUse === 0, 'the return of every slab');
    await eventually(() => connections.size === 1, 'the end of the dead one');
    expect(broadcaster.publish('big', 'nobody')).toBe(0);
    expect(broadcaster.publish('small', 'somebody')).toBe(1);
    await healthy.until(() => healthy.publications('small').length === 1);
    await broadcaster.flush();
  });
});
