import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type Close, CLOSE, type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { Client, eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { atRest, startDelivery } from '../../support/delivery.js';
import { RawClient } from '../../support/raw-client.js';
import { Flood, KIB, paused, readOn, turn } from '../../support/slow.js';

@WebSocketGateway()
class Gateway {
  readonly ended: (Close | undefined)[] = [];
  readonly heard: unknown[] = [];

  handleDisconnect(_: WebSocket, close?: Close): void {
    this.ended.push(close);
  }

  @Topic('big')
  big(): void {}

  @Topic('patient', { slow: 'catch-up' })
  patient(): void {}

  @Topic('strict', { slow: 'disconnect' })
  strict(): void {}

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    this.heard.push(data);
    return { event: 'echo', data };
  }
}

const MAX_BYTES = 512 * KIB;
/** Publications of a flood that are more than `maxBytes`, and less than that. */
const MANY = 40;
const FEW = 12;

async function start(options: FanoutOptions = {}) {
  const running = await startDelivery([Gateway], { slowConsumer: { maxBytes: MAX_BYTES }, ...options });
  return { ...running, gateway: running.get(Gateway) };
}

describe.each([
  ["slow: 'disconnect'", 'strict', {}],
  ["slowConsumer.policy: 'disconnect'", 'big', { policy: 'disconnect' }],
] as const)('%s', (_, topic, policy) => {
  it('closes a reader that is further behind than maxBytes, and nobody else', async () => {
    const { url, broadcaster, connections, gateway, pool } = await start({
      slowConsumer: { maxBytes: MAX_BYTES, ...policy },
    });
    const healthy = await Client.connect(url);
    await healthy.subscribe(topic);
    const slow = await paused(url, [topic]);
    const connection = [...connections].at(-1)!;
    const flood = new Flood(broadcaster, topic);
    await flood.untilSlow();
    await flood.publish(FEW);
    expect(connection.socket.readyState).toBe(1);
    // Not when it reads again: its socket takes nothing, and may never again.
    await flood.publish(MANY - FEW);
    await eventually(() => connection.socket.readyState !== 1, 'the close');
    expect(broadcaster.subscribers(topic)).toBe(1);

    slow.socket.resume();
    await slow.until(() => slow.close !== undefined);
    expect(slow.close).toEqual(CLOSE.SLOW);
    expect(CLOSE.SLOW.code).toBe(4001);
    // Whole frames up to the close frame, and no gap that would say it goes on.
    expect(slow.frames.at(-1)!.opcode).toBe(8);
    expect(account(slow.messages, topic).gaps).toEqual([]);
    slow.socket.end();
    await eventually(() => gateway.ended.length === 1, 'the end of the slow one');
    expect(gateway.ended).toEqual([CLOSE.SLOW]);

    await flood.publish(1);
    await healthy.until(() => healthy.publications(topic).length === flood.count);
    expect(account(healthy.frames, topic)).toMatchObject({ gaps: [], last: flood.count });
    await eventually(() => pool.stats().inUse === 0, 'the return of every slab');
  });

  it('lets a reader that is not so far behind catch up', async () => {
    const { url, broadcaster, gateway } = await start({
      slowConsumer: { maxBytes: MAX_BYTES, ...policy },
    });
    const slow = await paused(url, [topic]);
    const flood = new Flood(broadcaster, topic);
    await flood.untilSlow();
    await flood.publish(FEW);
    expect(account(await readOn(slow, flood.count), topic)).toMatchObject({ gaps: [], last: flood.count });
    expect(gateway.ended).toEqual([]);
  });
});

it('a topic with a policy of its own does not follow slowConsumer.policy', async () => {
  const { url, broadcaster } = await start({
    slowConsumer: { maxBytes: MAX_BYTES, policy: 'disconnect' },
  });
  const slow = await paused(url, ['patient']);
  const flood = new Flood(broadcaster, 'patient');
  await flood.untilSlow();
  await flood.publish(MANY);
  expect(account(await readOn(slow, flood.count), 'patient').gaps).toHaveLength(1);
});

describe('slowConsumer.grace', () => {
  it('closes readers that take nothing, and never one that takes something now and then', async () => {
    const { url, broadcaster, core, gateway, pool } = await start({
      slowConsumer: { maxBytes: MAX_BYTES, grace: 600 },
    });
    const sipping = await paused(url, ['big']);
    const flood = new Flood(broadcaster, 'big');
    let end = -1;
    const sipped = sipping.sip(() => sipping.frames.at(-1)!.payload.includes(`"n":${end},`));
    // A frozen one is closed after the time of grace, so the sipping one outlives it twice.
    for (let round = 1; round <= 2; round++) {
      const frozen = await paused(url, ['big']);
      expect(broadcaster.subscribers('big')).toBe(2);
      while (broadcaster.subscribers('big') === 2) {
        await flood.publish(1);
        // Always ahead of the sipping reader, and not too far.
        if (broadcaster.pressure('big').slow === 2) await new Promise(resolve => setTimeout(resolve, 5));
      }
      frozen.socket.destroy();
      await eventually(() => gateway.ended.length === round, 'the end of the frozen one');
      expect(gateway.ended.at(-1)).toEqual(CLOSE.SLOW);
    }
    await flood.publish(1);
    end = flood.count;
    await sipped;
    expect(account(sipping.messages, 'big').last).toBe(flood.count);
    await atRest({ core, pool });
  });
});

describe('a reader that takes a large batch, piece by piece,', () => {
  const MIB = 1024 * KIB;

  /** A reader that has been given much more in one write than the kernel takes at once, and is behind. */
  async function startLarge(slowConsumer: FanoutOptions['slowConsumer']) {
    const running = await start({ slowConsumer });
    const { url, broadcaster } = running;
    const slow = await paused(url, ['big']);
    broadcaster.publish('big', 'x'.repeat(24 * MIB));
    await eventually(() => broadcaster.pressure('big').queuedBytes === 0, 'the flush');
    broadcaster.publish('big', 'and on');
    await eventually(() => broadcaster.pressure('big').slow === 1, 'a slow reader');
    return { ...running, slow };
  }

  it('is not closed when that takes longer than the time of grace', async () => {
    const { broadcaster, slow } = await startLarge({ maxBytes: 32 * MIB, grace: 1500 });
    // The kernel takes another piece of the batch every few hundred milliseconds.
    await slow.sip(() => broadcaster.pressure('big').slow === 0);
    expect(broadcaster.subscribers('big')).toBe(1);
  });

  it('is not closed for the replies that it gets meanwhile', async () => {
    const { broadcaster, gateway, slow } = await startLarge({ maxBytes: 24 * MIB + 2 });
    slow.send({ event: 'echo', id: 1, data: 'now' });
    await eventually(() => gateway.heard.length === 1, 'the message');
    await turn();
    await turn();
    expect(broadcaster.subscribers('big')).toBe(1);
    slow.socket.resume();
    await slow.until(() => slow.frames.at(-1)!.payload.includes('and on'));
    const [, large, reply, next] = slow.messages;
    expect([large.offset, reply.id, next.offset]).toEqual([1, 1, 2]);
  });
});

describe('replies and error frames', () => {
  it('overtake what waits for a slow reader', async () => {
    const { url, broadcaster, gateway, pool } = await start();
    const slow = await paused(url, ['big']);
    const flood = new Flood(broadcaster, 'big');
    await flood.untilSlow();
    await flood.publish(FEW);
    slow.send(
      { event: 'no.such.event', id: 1 },
      { event: 'ping', id: 2 },
      { event: 'echo', id: 3, data: 'now' },
    );
    await eventually(() => gateway.heard.length === 1, 'the last message');
    await turn();
    const messages = await readOn(slow, flood.count);
    const at = messages.findIndex(({ id }) => id === 1);
    expect(messages.slice(at, at + 3)).toEqual([
      { event: 'error', id: 1, data: expect.objectContaining({ code: 'UNKNOWN_EVENT' }) },
      { event: 'pong', id: 2 },
      { event: 'echo', id: 3, data: 'now' },
    ]);
    // All that waited in the log; what the socket had was ahead of them.
    expect(messages.length - (at + 3)).toBeGreaterThanOrEqual(FEW);
    expect(account(messages, 'big')).toMatchObject({ gaps: [], last: flood.count });
    await eventually(() => pool.stats().inUse === 0, 'the return of every slab');
  });

  it('close a connection that does not read them, once they are more than maxBytes', async () => {
    const { url, gateway, connections } = await start({
      slowConsumer: { maxBytes: 16 * KIB },
      limits: { messagesPerSecond: 0, bytesPerSecond: 0, rejections: 0, payload: 64 * KIB },
    });
    const slow = await RawClient.connect(url);
    slow.socket.pause();
    const [connection] = connections;
    const garbage = Array.from({ length: 500 }, () => ({ event: 'no.such.event', id: 'x'.repeat(64) }));
    while (connection!.socket.readyState === 1) {
      slow.send(...garbage);
      await turn();
    }
    slow.socket.destroy();
    await eventually(() => gateway.ended.length === 1, 'the end of the slow one');
    expect(gateway.ended).toEqual([CLOSE.SLOW]);
  });
});

describe('slowConsumer.maxBytes', () => {
  it('may be less than what a socket is given at once', async () => {
    const { url, broadcaster } = await start({
      slowConsumer: { maxBytes: 40 * KIB },
      flush: { maxDelay: 0 },
    });
    const slow = await paused(url, ['big']);
    while (broadcaster.pressure('big').slow === 0) {
      expect(broadcaster.publish('big', 'x'.repeat(8 * KIB))).toBe(1);
      await turn();
    }
    slow.socket.resume();
    await eventually(() => broadcaster.pressure('big').slow === 0, 'the end of the catching up');
    expect(broadcaster.subscribers('big')).toBe(1);
  });

  it('does not close a reader that keeps up, however much comes at once', async () => {
    const { url, gateway, broadcaster } = await start();
    const client = await Client.connect(url);
    await client.subscribe('strict');
    for (let i = 0; i < 64; i++) broadcaster.publish('strict', 'y'.repeat(32 * KIB));
    await client.until(() => client.publications('strict').length === 64);
    broadcaster.publish('strict', 'and on');
    await client.until(() => client.publications('strict').length === 65);
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
