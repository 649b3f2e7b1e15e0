import type net from 'node:net';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  CLOSE,
  type Connection,
  Connections,
  CurrentConnection,
  FanoutMetrics,
  type FanoutOptions,
} from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { type RunningApp, startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { type RawRequest, RawUpgrade } from '../../support/raw-upgrade.js';

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('ip')
  ip(@CurrentConnection() { handshake }: Connection): string {
    return handshake.ip;
  }

  @SubscribeMessage('login')
  login(@CurrentConnection() connection: Connection): void {
    connection.user = 'ann';
  }
}

const OURS = 'fanout.v1.json';

const start = (options: FanoutOptions): Promise<RunningApp> => startApp({ providers: [Gateway], options });

/** The status of the answer to an upgrade; its connection stays open. */
const statusOf = async (url: string, request: RawRequest = {}): Promise<number> =>
  (await (await RawUpgrade.to(url, request)).answered).status;

const forwarded = (...entries: string[]) => ({ headers: { 'X-Forwarded-For': entries } });

describe('limits.connectionsPerIp', () => {
  it('answers one more of an address with 429, or CLOSE.RATE_LIMITED, and nobody else', async () => {
    const { url, get } = await start({ limits: { connectionsPerIp: 2 } });
    const [first] = [await Client.connect(url), await Client.connect(url)];
    const refused = await RawUpgrade.to(url);
    await refused.closed;
    expect(refused.status).toBe(429);
    expect(Number(refused.header('retry-after'))).toBeGreaterThan(0);
    expect(await (await Client.connect(url, [OURS])).closed).toEqual(CLOSE.RATE_LIMITED);
    expect(await statusOf(url, { from: '127.0.0.2' })).toBe(101);
    expect(get(FanoutMetrics).rejected['connections-per-ip']).toBe(2);
    await first!.close();
    await eventually(() => get(Connections).size === 2, 'the end of one');
    expect(await statusOf(url)).toBe(101);
  });

  it('counts who comes through a trusted proxy by its own address, and an IPv6 network as one', async () => {
    const { url } = await start({ limits: { connectionsPerIp: 1 }, trustProxy: ['127.0.0.0/8'] });
    expect(await statusOf(url, forwarded('1.2.3.4'))).toBe(101);
    expect(await statusOf(url, forwarded('6.6.6.6', '1.2.3.4'))).toBe(429);
    expect(await statusOf(url, forwarded('1.2.3.5'))).toBe(101);
    expect(await statusOf(url, forwarded('2001:db8::1'))).toBe(101);
    expect(await statusOf(url, forwarded('2001:db8:0:0:ffff::1'))).toBe(429);
    expect(await statusOf(url, forwarded('2001:db8:0:1::1'))).toBe(101);
  });

  it('is not evaded by a header that nobody vouches for', async () => {
    const { url } = await start({ limits: { connectionsPerIp: 1 } });
    expect(await statusOf(url, forwarded('1.2.3.4'))).toBe(101);
    expect(await statusOf(url, forwarded('1.2.3.5'))).toBe(429);
  });
});

describe('handshake.ip', () => {
  it.each<[FanoutOptions['trustProxy'], string[], string]>([
    [undefined, ['1.2.3.4'], '127.0.0.1'],
    [1, ['6.6.6.6', '1.2.3.4'], '1.2.3.4'],
    [2, ['6.6.6.6, 1.2.3.4', '10.0.0.1'], '1.2.3.4'],
    [['127.0.0.1', '10.0.0.0/8'], ['6.6.6.6', '1.2.3.4', '10.0.0.1'], '1.2.3.4'],
    [['10.0.0.0/8'], ['1.2.3.4'], '127.0.0.1'],
  ])('with trustProxy %j and X-Forwarded-For %j is %s', async (trustProxy, entries, ip) => {
    const { url } = await start(trustProxy === undefined ? {} : { trustProxy });
    const client = await Client.connect(url, [], { headers: { 'X-Forwarded-For': entries } as never });
    expect((await client.request('ip')).data).toBe(ip);
  });
});

describe('limits of new connections a second', () => {
  it('answer the process with 503, and say when to come back', async () => {
    const { url, get } = await start({ limits: { connectionsPerSecond: 1 } });
    const statuses: number[] = [];
    for (let n = 0; n < 3; n++) statuses.push(await statusOf(url, { from: `127.0.0.${n + 1}` }));
    expect(statuses).toEqual([101, 101, 503]);
    const { code, reason } = await (await Client.connect(url, [OURS])).closed;
    expect([code, reason]).toEqual([CLOSE.BUSY.code, expect.stringMatching(/; retry-after=\d+$/)]);
    expect(get(FanoutMetrics).rejected['connection-rate']).toBe(2);
  });

  it('answer one address with 429, and nobody else', async () => {
    const { url, get } = await start({ limits: { connectionsPerSecondPerIp: 1 } });
    const statuses: number[] = [];
    for (let n = 0; n < 3; n++) statuses.push(await statusOf(url));
    expect(statuses).toEqual([101, 101, 429]);
    expect(await (await Client.connect(url, [OURS])).closed).toEqual(CLOSE.RATE_LIMITED);
    expect(await statusOf(url, { from: '127.0.0.2' })).toBe(101);
    expect(get(FanoutMetrics).rejected['connection-rate-per-ip']).toBe(2);
  });
});

describe('limits.banTime', () => {
  const banned = (limits: FanoutOptions['limits'] = {}) => start({ limits: { banTime: 60_000, ...limits } });
  const rejected = ({ get }: RunningApp): number => get(FanoutMetrics).rejected.banned;

  it.each<[string, FanoutOptions['limits'], (client: Client) => void]>([
    ['a bad frame', {}, ({ socket }) => rawSocketOf(socket).write('no frame')],
    ['a message that is too large', { payload: 100 }, client => client.send('x'.repeat(101))],
    ['pings', { pingsPerSecond: 1 }, ({ socket }) => [1, 2, 3].forEach(() => socket.ping())],
    ['refused messages', { rejections: 2 }, client => [1, 2, 3].forEach(() => client.send('{}'))],
    ['a message without an end', { messageTime: 50 }, ({ socket }) => socket.send('x', { fin: false })],
  ])('refuses the address of who was closed for %s, and nobody else', async (_, limits, attack) => {
    const running = await banned(limits);
    const { url } = running;
    const [attacker, neighbour] = [await Client.connect(url), await Client.connect(url)];
    attack(attacker);
    await attacker.closed;
    const refused = await RawUpgrade.to(url);
    await refused.closed;
    expect([refused.status, rejected(running)]).toEqual([429, 1]);
    const seconds = Number(refused.header('retry-after'));
    expect([seconds > 0, seconds <= 60]).toEqual([true, true]);
    expect(await statusOf(url, { from: '127.0.0.2' })).toBe(101);
    // Who is there already may be somebody else behind the same address.
    expect((await neighbour.request('ip')).data).toBe('127.0.0.1');
  });

  it('ends', async () => {
    const running = await banned({ banTime: 1, rejections: 1 });
    const attacker = await Client.connect(running.url);
    attacker.send('{}');
    attacker.send('{}');
    expect(await attacker.closed).toEqual(CLOSE.ABUSE);
    while ((await statusOf(running.url)) === 429);
    expect(await statusOf(running.url)).toBe(101);
  });

  it('bans nobody by default', async () => {
    const running = await start({ limits: { rejections: 1 } });
    const attacker = await Client.connect(running.url);
    attacker.send('{}');
    attacker.send('{}');
    expect(await attacker.closed).toEqual(CLOSE.ABUSE);
    expect(await statusOf(running.url)).toBe(101);
  });

  it('is of the client that a trusted proxy names', async () => {
    const running = await start({ limits: { banTime: 60_000, rejections: 1 }, trustProxy: 1 });
    const headers = { 'X-Forwarded-For': '1.2.3.4' };
    const attacker = await Client.connect(running.url, [], { headers });
    attacker.send('{}');
    attacker.send('{}');
    expect(await attacker.closed).toEqual(CLOSE.ABUSE);
    expect(await statusOf(running.url, forwarded('1.2.3.4'))).toBe(429);
    expect(await statusOf(running.url, forwarded('1.2.3.5'))).toBe(101);
  });
});

/** The socket below a client of `ws`, for what `ws` does not send. */
function rawSocketOf(socket: WebSocket): net.Socket {
  return (socket as unknown as { _socket: net.Socket })._socket;
}

describe('limits.connectionsPerUser', () => {
  it('closes the newcomer when a user is assigned, and never who is there', async () => {
    const { url, get } = await start({ limits: { connectionsPerUser: 2 } });
    const clients = [await Client.connect(url), await Client.connect(url), await Client.connect(url)];
    for (const client of clients) client.send({ event: 'login' });
    await Promise.race(clients.map(({ closed }) => closed));
    await eventually(() => get(Connections).size === 2, 'the end of one');
    const [gone] = clients.filter(({ socket }) => socket.readyState !== socket.OPEN);
    expect(await gone!.closed).toEqual(CLOSE.RATE_LIMITED);
    expect(get(FanoutMetrics).rejected['connections-per-user']).toBe(1);
    // Assigned anew, as when credentials are renewed.
    for (const client of clients)
      if (client !== gone) {
        client.send({ event: 'login' });
        expect((await client.request('ip')).event).toBe('ip');
      }
  });

  it('holds for the user that handleConnection or verifyClient gives', async () => {
    @WebSocketGateway({
      verifyClient: ({ req }: { req: { url: string; user?: unknown } }) => {
        if (req.url === '/?ann') req.user = { id: 7 };
        return true;
      },
    })
    class Known {
      handleConnection(_: WebSocket, request: { url: string; user?: unknown }): void {
        if (request.url === '/?late') request.user = { sub: '7' };
      }
    }
    const options = { limits: { connectionsPerUser: 1 } };
    const { url } = await startApp({ providers: [Known], options });
    const first = await Client.connect(`${url}/?ann`);
    await first.request('ping');
    for (const query of ['?ann', '?late'])
      expect(await (await Client.connect(`${url}/${query}`)).closed).toEqual(CLOSE.RATE_LIMITED);
    await Client.connect(url);
    expect((await first.request('ping')).event).toBe('pong');
  });
});

describe('origins', () => {
  const COOKIE = { Cookie: 'session=1' };
  const from = (origin: string, headers = {}) => ({ headers: { ...headers, Origin: origin } });

  it('are those of the requested host for requests with cookies, and any without', async () => {
    const { url, get } = await start({});
    const own = url.replace('ws', 'http');
    const { host } = new URL(url);
    expect(await statusOf(url, from('https://evil.example'))).toBe(101);
    expect(await statusOf(url, { headers: COOKIE })).toBe(101);
    expect(await statusOf(url, from(own, { ...COOKIE, Host: host }))).toBe(101);
    for (const foreign of ['https://evil.example', `${own}.evil.example`, 'null', `${own}@evil.example`])
      expect(await statusOf(url, from(foreign, { ...COOKIE, Host: host }))).toBe(403);
    expect(get(FanoutMetrics).rejected.origin).toBe(4);
  });

  it('of a list are admitted, with or without cookies, and no others', async () => {
    const { url } = await start({ origins: ['https://app.example'] });
    expect(await statusOf(url, from('https://app.example'))).toBe(101);
    expect(await statusOf(url)).toBe(101);
    expect(await statusOf(url, from('https://app.example.evil.example'))).toBe(403);
    const page = await Client.connect(url, [OURS], { headers: { Origin: 'null' } });
    expect(await page.closed).toEqual(CLOSE.FORBIDDEN);
  });

  it("are 'same' behind a proxy that terminates TLS, when it is trusted and says so", async () => {
    const { url } = await start({ origins: 'same', trustProxy: 1 });
    const page = from('https://app.example', { Host: 'app.example', 'X-Forwarded-Proto': 'https' });
    expect(await statusOf(url, page)).toBe(101);
    expect(await statusOf(url, from('https://app.example', { Host: 'app.example' }))).toBe(
      url.startsWith('wss') ? 101 : 403,
    );
  });

  it('may be decided about by a function that takes its time', async () => {
    const asked: unknown[] = [];
    const { url } = await start({
      origins: async (origin, { headers }) => {
        asked.push([origin, headers.host]);
        return origin === 'https://app.example';
      },
    });
    expect(await statusOf(url, from('https://app.example', { Host: 'h' }))).toBe(101);
    expect(await statusOf(url, { headers: { Host: 'h' } })).toBe(403);
    expect(asked).toEqual([
      ['https://app.example', 'h'],
      [undefined, 'h'],
    ]);
  });
});
