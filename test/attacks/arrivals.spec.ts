import { once } from 'node:events';
import type { Server } from 'node:http';
import { WebSocketGateway } from '@nestjs/websockets';
import { Connections, FanoutMetrics, type FanoutOptions, UseHandshakeGuards } from 'nestjs-fanout';
import { beforeEach, describe, expect, it } from 'vitest';
import { Gate } from '../support/gate.js';
import type { RunningApp } from '../support/app.js';
import { Client, eventually } from '../support/client.js';
import { RawRequest, upgrade, upgradeStatus } from '../support/attacks/raw-request.js';
import { startFanout, startPlain } from '../support/attacks/servers.js';

let gate: Gate;
let asked: number;
beforeEach(() => {
  gate = new Gate();
  asked = 0;
});

@WebSocketGateway({ path: '/' })
class Open {}

@WebSocketGateway({ path: '/slow' })
@UseHandshakeGuards({
  canActivate: async () => {
    asked++;
    await gate.passed;
    return true;
  },
})
class Slow {}

@WebSocketGateway({ path: '/closed' })
@UseHandshakeGuards({ canActivate: () => false })
class Closed {}

/** The same wait, as far as WsAdapter can make somebody wait. */
@WebSocketGateway({
  path: '/slow',
  verifyClient: async (_: unknown, done: (pass: boolean) => void) => {
    asked++;
    await gate.passed;
    done(true);
  },
})
class SlowVerified {}

const start = (limits: FanoutOptions['limits'] = {}): Promise<RunningApp> =>
  startFanout({ providers: [Open, Slow, Closed], options: { limits } });

/** Sockets that a server has. */
const sockets = ({ app }: RunningApp): Promise<number> =>
  new Promise((resolve, reject) =>
    (app.getHttpServer() as Server).getConnections((error, count) =>
      error ? reject(error) : resolve(count),
    ),
  );

/** Waits until the server has so many sockets. */
async function untilSockets(running: RunningApp, count: number): Promise<void> {
  let seen = -1;
  const look = async (): Promise<void> => {
    seen = await sockets(running);
    if (seen !== count) setTimeout(look, 10);
  };
  void look();
  await eventually(() => seen === count, `${count} sockets`);
}

/** Resets the connection of a request. */
async function reset({ socket }: RawRequest): Promise<void> {
  socket.resetAndDestroy();
  await once(socket, 'close');
}

describe('A15 a client that resets its connection during the upgrade', () => {
  it('at once harms nobody', async () => {
    const running = await start();
    for (const path of ['/', '/slow', '/closed', '/nowhere']) {
      for (let i = 0; i < 20; i++) {
        const request = RawRequest.send(running.url, upgrade(path));
        await once(request.socket, 'connect');
        await reset(request);
      }
    }
    gate.open();
    await untilSockets(running, 0);
    expect(running.get(Connections).size).toBe(0);
    expect(await upgradeStatus(running.url, '/')).toBe(101);
  });

  const leaving: [string, (request: RawRequest) => unknown][] = [
    ['a reset', reset],
    ['the end of its half', ({ socket }) => socket.end()],
  ];

  it.each(leaving)(
    'or leaves by %s while a guard is asked, gives its place back and is not let in later',
    async (_, leave) => {
      const running = await start({ connections: 3, handshake: 60_000 });
      const requests = Array.from({ length: 3 }, () => RawRequest.send(running.url, upgrade('/slow')));
      await eventually(() => asked === 3, 'the guards');
      expect(await upgradeStatus(running.url, '/')).toBe(503);
      await Promise.all(requests.map(leave));
      await untilSockets(running, 0);
      const next = [await Client.connect(running.url), await Client.connect(running.url)];
      gate.open();
      for (const client of next) expect((await client.request('ping')).event).toBe('pong');
      expect(running.get(Connections).size).toBe(2);
    },
  );

  it('with frames behind the request, which are handled after the guard has agreed', async () => {
    const running = await start();
    const request = RawRequest.send(running.url, upgrade('/slow') + 'these are no frames');
    await eventually(() => asked === 1, 'the guard');
    gate.open();
    expect(await request.status()).toBe(101);
    await request.closed;
    // The end of our own half, for which the server would wait a few seconds.
    request.socket.end();
    await eventually(() => running.get(Connections).size === 0, 'the end');
  });
});

describe('A17 a client that is refused and does not go', () => {
  const refused: Record<string, [number, string]> = {
    'for its path': [404, upgrade('/nowhere')],
    'by a guard': [403, upgrade('/closed')],
    'for its origin': [403, upgrade('/', { Cookie: 'a=b', Origin: 'https://evil.example' })],
    'for a bad host': [400, upgrade('/', { Host: 'a b[' })],
    'for a key that is none': [400, upgrade('/', { 'Sec-WebSocket-Key': 'short' })],
    'by a close code': [101, upgrade('/closed', { 'Sec-WebSocket-Protocol': 'fanout.v1.json' })],
  };

  it('control: stays with WsAdapter, which only ends its own half', async () => {
    const running = await startPlain({ providers: [Open] });
    const [, bytes] = refused['for a bad host']!;
    const request = RawRequest.send(running.url, bytes);
    await request.closed;
    const other = await start();
    const gone = RawRequest.send(other.url, bytes);
    await gone.closed;
    await untilSockets(other, 0);
    // By now WsAdapter had as much time.
    expect(await sockets(running)).toBe(1);
  });

  it.each(Object.entries(refused))('is gone soon: %s', async (_, [status, bytes]) => {
    const running = await start();
    const requests = Array.from({ length: 10 }, () => RawRequest.send(running.url, bytes));
    for (const request of requests) expect(await request.status()).toBe(status);
    await untilSockets(running, 0);
    expect(running.get(Connections).size).toBe(0);
  });

  it('is gone soon: for want of room', async () => {
    const running = await start({ connections: 1 });
    await Client.connect(running.url);
    const requests = Array.from({ length: 10 }, () => RawRequest.send(running.url, upgrade('/')));
    for (const request of requests) {
      expect(await request.status()).toBe(503);
      expect(request.text).toMatch(/\r\nRetry-After: \d+\r\n/);
    }
    await untilSockets(running, 1);
  });
});

describe('A39 a flood of connections', () => {
  const COUNT = 20;

  const attack = ({ url }: RunningApp, path: string): Promise<(number | undefined)[]> =>
    Promise.all(Array.from({ length: COUNT }, () => upgradeStatus(url, path)));

  const refusedOf = (statuses: readonly unknown[], status: number): number =>
    statuses.filter(other => other === status).length;

  it('control: is let in by WsAdapter, and holds as many handshakes open as it likes', async () => {
    const running = await startPlain({ providers: [Open, SlowVerified] });
    expect(refusedOf(await attack(running, '/'), 101)).toBe(COUNT);
    for (let i = 0; i < COUNT; i++) RawRequest.send(running.url, upgrade('/slow'));
    await eventually(() => asked === COUNT, 'every handshake');
    // WsAdapter could not be closed before.
    gate.open();
  });

  it.each([
    ['connections', 503, 5],
    ['connectionsPerIp', 429, 5],
    ['connectionsPerSecond', 503, 10],
    ['connectionsPerSecondPerIp', 429, 10],
  ] as const)('is answered before the 101 above limits.%s', async (limit, status, admitted) => {
    const running = await start({ [limit]: 5 });
    const statuses = await attack(running, '/');
    // A bucket may have filled a little on the way.
    expect(refusedOf(statuses, 101)).toBeGreaterThanOrEqual(admitted);
    expect(refusedOf(statuses, status)).toBeGreaterThanOrEqual(COUNT - admitted - 2);
    expect(refusedOf(statuses, status) + refusedOf(statuses, 101)).toBe(COUNT);
    const { rejected } = running.get(FanoutMetrics);
    const counted = Object.values(rejected).reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(refusedOf(statuses, status));
  });

  it('that are not upgraded yet counts as connections, until limits.handshake', async () => {
    const running = await start({ connections: 5, handshake: 1000 });
    const half = Array.from({ length: COUNT }, () => RawRequest.send(running.url, upgrade('/slow')));
    const statuses = await Promise.all(half.map(request => request.status()));
    expect(statuses).toEqual(Array(COUNT).fill(503));
    expect(asked).toBe(5);
    const { rejected } = running.get(FanoutMetrics);
    expect(rejected).toMatchObject({ connections: COUNT - 5, 'handshake-time': 5 });
    await untilSockets(running, 0);
    expect(await upgradeStatus(running.url, '/')).toBe(101);
  });

  it('whose headers never end takes nobody’s place, and Node ends it', async () => {
    const running = await start({ connections: 2 });
    for (let i = 0; i < COUNT; i++) RawRequest.send(running.url, upgrade('/').slice(0, -2));
    await untilSockets(running, COUNT);
    for (let i = 0; i < 2; i++) expect(await upgradeStatus(running.url, '/')).toBe(101);
    const { headersTimeout } = running.app.getHttpServer() as Server;
    expect(headersTimeout).toBeGreaterThan(0);
    expect(headersTimeout).toBeLessThanOrEqual(60_000);
  });
});
