import { randomBytes } from 'node:crypto';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type Close, CLOSE, FanoutMetrics, type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { Client, eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { atRest, startDelivery } from '../../support/delivery.js';
import { masked, RawClient } from '../../support/raw-client.js';
import { Flood, KIB } from '../../support/slow.js';

/** Publications of 32 KiB: more than the systems take for a client that does not read, by far. */
const MANY = 400;

/** What may be under way to a client of which little is known, where the kernel takes four megabytes. */
const MOST_UNDER_WAY = 320 * KIB;

/** What the server keeps for one client at most: `slowConsumer.maxBytes` and what its socket was given. */
const MAX_BYTES = 512 * KIB;
const MOST_KEPT = 2 * MAX_BYTES;

const REPLY = 'x'.repeat(200 * KIB);

const PING = 9;

@WebSocketGateway()
class Gateway {
  readonly ended: (Close | undefined)[] = [];

  @Topic('big')
  big(): void {}

  @SubscribeMessage('ask')
  ask(@MessageBody() n: number): object {
    return { n, text: REPLY };
  }

  handleDisconnect(_: WebSocket, close?: Close): void {
    this.ended.push(close);
  }
}

/** What an attacker does with the pings that it reads. */
type Behaviour = (ping: Buffer, send: (pong: Buffer) => void, n: number) => void;

const honest: Behaviour = (ping, send) => send(ping);

/** A server, a client that is in order, and a subscriber that is not. */
async function start(behave: Behaviour, options: FanoutOptions = {}) {
  const running = await startDelivery([Gateway], {
    heartbeat: { interval: 3_600_000, timeout: 7_200_000 },
    slowConsumer: { maxBytes: MAX_BYTES, grace: 600 },
    ...options,
  });
  const healthy = await Client.connect(running.url);
  await healthy.subscribe('big');
  const before = new Set(running.connections);
  const attacker = await RawClient.connect(running.url);
  await attacker.subscribe('big');
  const connection = [...running.connections].find(other => !before.has(other))!;
  const send = (pong: Buffer): void => void attacker.socket.write(masked(0x8a, pong));
  let answered = 0;
  attacker.socket.on('data', () => {
    const pings = attacker.frames.filter(({ opcode }) => opcode === PING);
    for (; answered < pings.length; answered++) behave(pings[answered]!.payload, send, answered + 1);
  });
  const flood = new Flood(running.broadcaster, 'big');
  return { ...running, healthy, attacker, connection, flood, send, ended: running.get(Gateway).ended };
}

type Running = Awaited<ReturnType<typeof start>>;

/** Publishes, and waits for the client that is in order. Looks at the other one each time. */
async function publish(running: Running, count: number, look: () => unknown = () => {}): Promise<void> {
  const { flood, healthy } = running;
  for (let i = 0; i < count; i += 4) {
    await flood.publish(4);
    await healthy.until(() => healthy.publications('big').length === flood.count);
    await look();
  }
}

/** Waits until the attacker knows of all that was published. */
function untilTold({ attacker, flood }: Running): Promise<void> {
  return attacker.until(() =>
    attacker.frames.slice(-3).some(({ payload }) => payload.includes(`"n":${flood.count},`)),
  );
}

/** Bytes that the server has sent and the attacker has not read. */
function underWay({ connection, attacker }: Running): number {
  const { _socket } = connection.socket as unknown as { _socket: { bytesWritten: number } };
  return _socket.bytesWritten - attacker.bytes;
}

/** The client that is in order has everything, and nothing is left of the other one. */
async function expectNoHarm(running: Running): Promise<void> {
  const { healthy, flood, attacker, connections } = running;
  expect(account(healthy.frames, 'big')).toMatchObject({ gaps: [], last: flood.count });
  expect(healthy.socket.readyState).toBe(healthy.socket.OPEN);
  attacker.socket.destroy();
  await eventually(() => connections.size === 1, 'the end of the attacker');
  await atRest(running);
}

/** The attacker gets each publication, as others do, and costs no more than they may. */
async function expectServed(running: Running): Promise<void> {
  const { attacker, connection, flood } = running;
  await publish(running, 100, () => {
    expect(connection.bufferedBytes).toBeLessThan(MOST_KEPT);
    return untilTold(running);
  });
  expect(account(attacker.messages, 'big')).toMatchObject({ gaps: [], last: flood.count });
  await expectNoHarm(running);
}

describe('a client that says to have read what it has not', () => {
  it.each([
    ['guesses', () => randomBytes(4)],
    ['repeats old answers', (pings: Buffer[]) => pings[0]!],
    ['answers with other bytes', () => randomBytes(5)],
  ])('gets no more for it, and no more time: it %s', async (_, lie) => {
    const seen: Buffer[] = [];
    const learn: Behaviour = (ping, send) => {
      seen.push(ping);
      send(ping);
    };
    // Without the limit that would close it at once.
    const running = await start(learn, { limits: { pingsPerSecond: 0 } });
    await running.flood.publish(1);
    await untilTold(running);
    await eventually(() => running.connection.lag > 0, 'an answer to a ping');
    running.attacker.socket.pause();
    let most = 0;
    await publish(running, MANY, () => {
      for (let i = 0; i < 10; i++) running.send(lie(seen));
      most = Math.max(most, underWay(running));
      expect(running.connection.bufferedBytes).toBeLessThan(MOST_KEPT);
    });
    expect(most).toBeLessThan(MOST_UNDER_WAY);
    await eventually(() => running.connection.socket.readyState !== 1, 'the close');
    await expectNoHarm(running);
    expect(running.ended).toEqual([CLOSE.SLOW]);
  });
});

describe('a client that answers no ping', () => {
  it('is served as if there were none, when it reads', async () => {
    const running = await start(() => {});
    const { attacker, flood } = running;
    await publish(running, 12);
    // It is waited for at first, for longer than the grace.
    await untilTold(running);
    await publish(running, 40, () => untilTold(running));
    expect(account(attacker.messages, 'big')).toMatchObject({ gaps: [], last: flood.count });
    expect(attacker.fragments).toBe(0);
    await expectNoHarm(running);
  });

  it('costs no more than others that do not read, and is closed as they are', async () => {
    const running = await start(() => {});
    const { attacker, connection } = running;
    attacker.socket.pause();
    while (connection.socket.readyState === 1)
      await publish(running, 20, () => expect(connection.bufferedBytes).toBeLessThan(MOST_KEPT));
    await expectNoHarm(running);
    expect(running.ended).toEqual([CLOSE.SLOW]);
  });
});

describe('a client that answers too much', () => {
  it('is closed when it sends many pongs that nobody asked for', async () => {
    const running = await start(honest, { limits: { pingsPerSecond: 1 } });
    const { attacker, connection, get } = running;
    await publish(running, 8);
    for (let i = 0; i < 300; i++) running.send(randomBytes(4));
    await eventually(() => connection.socket.readyState !== 1, 'the close');
    await attacker.until(() => attacker.close !== undefined);
    expect(attacker.close).toEqual(CLOSE.PING_FLOOD);
    expect(get(FanoutMetrics).rejected.pings).toBe(1);
    await expectNoHarm(running);
  });

  it('is served as others are when it answers each ping twice', async () => {
    const twice: Behaviour = (ping, send) => {
      send(ping);
      send(ping);
    };
    const running = await start(twice, { limits: { pingsPerSecond: 0 } });
    await expectServed(running);
  });

  it('is closed when it answers each a hundred times', async () => {
    const running = await start((ping, send) => {
      for (let i = 0; i < 100; i++) send(ping);
    });
    const { attacker, connection } = running;
    for (let i = 0; i < 20 && connection.socket.readyState === 1; i++) await publish(running, 20);
    await attacker.until(() => attacker.close !== undefined);
    expect(attacker.close).toEqual(CLOSE.PING_FLOOD);
    await expectNoHarm(running);
  });
});

describe('a client that answers too little', () => {
  it('gets everything when it answers only the newest ping of those that it reads at once', async () => {
    const running = await start(() => {});
    const { attacker } = running;
    attacker.socket.on('data', () => {
      const newest = attacker.frames.findLast(({ opcode }) => opcode === PING);
      if (newest !== undefined) running.send(newest.payload);
    });
    await expectServed(running);
  });

  it('is taken for one that does not read when it answers each tenth ping', async () => {
    const running = await start((ping, send, n) => {
      if (n % 10 === 1) send(ping);
    });
    await publish(running, MANY, () => expect(running.connection.bufferedBytes).toBeLessThan(MOST_KEPT));
    await eventually(() => running.connection.socket.readyState !== 1, 'the close');
    await expectNoHarm(running);
    expect(running.ended).toEqual([CLOSE.SLOW]);
  });

  it('is closed when it has proved to be fast and then stops to read', async () => {
    const running = await start(honest);
    await publish(running, 200);
    const { attacker, connection } = running;
    attacker.socket.pause();
    // The kernels of a fast line take megabytes before anything has to wait.
    while (connection.socket.readyState === 1)
      await publish(running, 20, () => expect(connection.bufferedBytes).toBeLessThan(MOST_KEPT));
    await expectNoHarm(running);
    expect(running.ended).toEqual([CLOSE.SLOW]);
  });

  it('is closed when it answers at first, and then does not read the replies that it asks for', async () => {
    const running = await start(honest);
    const { attacker, connection } = running;
    await publish(running, 8);
    attacker.socket.pause();
    const asks = Array.from({ length: 100 }, (_, n) => ({ event: 'ask', id: n, data: n }));
    attacker.send(...asks);
    await publish(running, 40, () => expect(connection.bufferedBytes).toBeLessThan(MOST_KEPT));
    await eventually(() => connection.socket.readyState !== 1, 'the close');
    await expectNoHarm(running);
    expect(running.ended).toEqual([CLOSE.SLOW]);
  });
});
