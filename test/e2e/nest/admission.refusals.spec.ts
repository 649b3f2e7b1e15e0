import { runInNewContext } from 'node:vm';
import { WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, Connections, FanoutMetrics, type FanoutOptions } from 'nestjs-fanout';
import { describe, expect, it, vi } from 'vitest';
import { type RunningApp, startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';
import { freePort } from '../../support/free-port.js';

@WebSocketGateway()
class Gateway {}

const OURS = 'fanout.v1.json';

/** Decides about an upgrade when the test says so. */
class Waiting {
  readonly answers: ((admit: boolean) => void)[] = [];

  readonly origins = (): Promise<boolean> => new Promise(resolve => this.answers.push(resolve));
}

const start = (options: FanoutOptions = {}): Promise<RunningApp> =>
  startApp({ providers: [Gateway], options: { shutdown: { drain: 200 }, ...options } });

const refuseAll: FanoutOptions = { origins: () => false };

describe('a refused upgrade', () => {
  it('is answered with a whole HTTP reply, and the connection is ended', async () => {
    const { url, get } = await start(refuseAll);
    const text = await (await RawUpgrade.to(url)).closed;
    expect(text).toBe('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    expect(get(FanoutMetrics).rejected.origin).toBe(1);
  });

  it('is closed with a code where our subprotocol is offered, and is never a connection', async () => {
    const { url, get } = await start(refuseAll);
    const client = await Client.connect(url, ['other', OURS]);
    expect(client.socket.protocol).toBe(OURS);
    expect(await client.closed).toEqual(CLOSE.FORBIDDEN);
    expect(client.frames).toEqual([]);
    expect(get(Connections).size).toBe(0);
    expect(get(FanoutMetrics).rejected.origin).toBe(1);
  });

  it('is told by the close code when to come back', async () => {
    const { url } = await start({ limits: { connections: 1 } });
    await Client.connect(url);
    const delays = new Set<number>();
    for (let i = 0; i < 10; i++) {
      const { code, reason } = await (await Client.connect(url, [OURS])).closed;
      expect(code).toBe(CLOSE.BUSY.code);
      delays.add(Number(/^server busy; retry-after=(\d+)$/.exec(reason)![1]));
    }
    for (const delay of delays) expect(delay).toBeGreaterThanOrEqual(1000);
    expect(delays.size).toBeGreaterThan(1);
  });

  it('is gone within a second, though its peer neither reads nor closes', async () => {
    const { url, app } = await start(refuseAll);
    const silent = [
      await RawUpgrade.to(url),
      await RawUpgrade.to(url, { headers: { 'Sec-WebSocket-Protocol': OURS } }),
    ];
    for (const { socket } of silent) socket.pause();
    const count = (): Promise<number> =>
      new Promise(resolve => app.getHttpServer().getConnections((_: unknown, n: number) => resolve(n)));
    await vi.waitFor(async () => expect(await count()).toBe(0), { timeout: 3000 });
  });

  it('survives what its client sends all the same', async () => {
    const { url } = await start(refuseAll);
    const noisy = await RawUpgrade.to(url, { headers: { 'Sec-WebSocket-Protocol': OURS } });
    await noisy.answered;
    noisy.socket.write(Buffer.from([0xf1, 0x01, 0x61])); // reserved bits, and not masked
    noisy.socket.write(Buffer.alloc(1_000_000, 0x81));
    await noisy.closed;
    expect((await (await RawUpgrade.to(url)).answered).status).toBe(403);
  });

  it('does not hold up the end of the application', async () => {
    const { url, app } = await start(refuseAll);
    const refused = await RawUpgrade.to(url, { headers: { 'Sec-WebSocket-Protocol': OURS } });
    await refused.answered;
    refused.socket.pause();
    await app.close();
    refused.socket.resume();
    await refused.closed;
  });
});

describe('a request that is no handshake', () => {
  it.each<[string, number, Parameters<typeof RawUpgrade.to>[1]]>([
    ['another method', 405, { method: 'DELETE' }],
    ['no key', 400, { headers: { 'Sec-WebSocket-Key': undefined } }],
    ['a bad key', 400, { headers: { 'Sec-WebSocket-Key': 'constructor' } }],
    ['no version', 400, { headers: { 'Sec-WebSocket-Version': undefined } }],
    ['another version', 400, { headers: { 'Sec-WebSocket-Version': '7' } }],
    ['a bad subprotocol', 400, { headers: { 'Sec-WebSocket-Protocol': 'a,,b' } }],
    ['a bad host', 400, { headers: { Host: 'a b[' } }],
    ['a path for a host', 400, { headers: { Host: '127.0.0.1/x' } }],
    ['a user for a host', 400, { headers: { Host: 'a@127.0.0.1' } }],
    ['an empty host', 400, { headers: { Host: '' } }],
    ['a port that is none', 400, { headers: { Host: '127.0.0.1:99999' } }],
  ])('with %s is answered %i', async (_, status, request) => {
    const { url, get } = await start();
    const refused = await RawUpgrade.to(url, request);
    const text = await refused.closed;
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d [A-Z]/);
    expect(text).toContain('\r\n\r\n');
    expect(refused.status).toBe(status);
    expect(get(FanoutMetrics).rejected.request).toBe(1);
    await Client.connect(url);
  });

  it('is answered though it has so many headers that Node leaves out the last', async () => {
    const { url } = await start();
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`a${n}`, '']));
    const { Upgrade, ...headers } = { ...many, Upgrade: undefined };
    const refused = await RawUpgrade.to(url, { headers: { ...headers, Upgrade, upgrade: 'websocket' } });
    expect(await refused.closed).toMatch(/^HTTP\/1\.1 4\d\d /);
    await Client.connect(url);
  });

  it('gives its place back', async () => {
    const { url } = await start({ limits: { connections: 1 } });
    for (let i = 0; i < 3; i++) {
      const refused = await RawUpgrade.to(url, { headers: { 'Sec-WebSocket-Key': 'bad' } });
      await refused.closed;
      expect(refused.status).toBe(400);
    }
    await Client.connect(url);
  });
});

describe('an upgrade that waits for an answer', () => {
  it('takes a place, and gives it back when its client resets it', async () => {
    const waiting = new Waiting();
    const options = { origins: waiting.origins, limits: { connections: 1 } };
    // Never over TLS: only a bare socket can be reset.
    const { url, get } = await startApp({ providers: [Gateway], options, nest: {} });
    const first = await RawUpgrade.to(url);
    await eventually(() => waiting.answers.length === 1, 'the question');
    expect((await (await RawUpgrade.to(url)).answered).status).toBe(503);
    first.socket.resetAndDestroy();
    await vi.waitFor(async () => {
      await RawUpgrade.to(url);
      expect(waiting.answers.length).toBeGreaterThan(1);
    });
    for (const answer of waiting.answers) answer(true);
    await eventually(() => get(Connections).size === 1, 'the connection');
  });

  it('is refused after limits.handshake, and gives its place back', async () => {
    const waiting = new Waiting();
    const { url, get } = await start({ origins: waiting.origins, limits: { connections: 1, handshake: 50 } });
    const slow = await RawUpgrade.to(url);
    await slow.closed;
    expect(slow.status).toBe(503);
    expect(Number(slow.header('retry-after'))).toBeGreaterThan(0);
    const ours = await Client.connect(url, [OURS]);
    expect(await ours.closed).toEqual(CLOSE.HANDSHAKE_TIMEOUT);
    expect(get(FanoutMetrics).rejected['handshake-time']).toBe(2);
    // What comes too late changes nothing.
    for (const answer of waiting.answers) answer(true);
    const next = Client.connect(url);
    await eventually(() => waiting.answers.length === 3, 'the third question');
    waiting.answers[2]!(true);
    await next;
    expect(get(Connections).size).toBe(1);
  });

  it('is refused when the server goes down', async () => {
    const waiting = new Waiting();
    const { url, app } = await start({ origins: waiting.origins });
    const pending = await RawUpgrade.to(url);
    await eventually(() => waiting.answers.length === 1, 'the question');
    await app.close();
    await pending.closed;
    expect(pending.status).toBe(503);
  });

  it('is refused with 500 where the answer is an exception, which is logged', async () => {
    const failures = [
      () => {
        throw new Error('no policy');
      },
      () => Promise.reject(new Error('no policy')),
    ];
    for (const origins of failures) {
      const { url, get, app } = await start({ origins });
      const logged = vi.fn();
      app.useLogger({ error: logged, log() {}, warn() {} });
      expect((await (await RawUpgrade.to(url)).answered).status).toBe(500);
      expect(await (await Client.connect(url, [OURS])).closed).toEqual(CLOSE.HOOK_FAILED);
      expect(logged).toHaveBeenCalledTimes(2);
      expect(get(FanoutMetrics).rejected.guard).toBe(2);
    }
  });
});

describe('verifyClient', () => {
  const startWith = (verifyClient: unknown, options: FanoutOptions = {}): Promise<RunningApp> => {
    @WebSocketGateway({ verifyClient })
    class Verified {}
    return startApp({ providers: [Verified], options: { shutdown: { drain: 200 }, ...options } });
  };

  it('refuses with what it says', async () => {
    const { url, get } = await startWith((_: unknown, done: (...answer: unknown[]) => void) =>
      done(false, 402, 'pay', { 'X-Price': '7', Connection: 'keep-alive', 'X-Bad': 'a\r\nb' }),
    );
    const refused = await RawUpgrade.to(url);
    expect(await refused.closed).toMatch(/\r\n\r\npay$/);
    expect([refused.status, refused.header('x-price')]).toEqual([402, '7']);
    expect([refused.header('connection'), refused.header('x-bad')]).toEqual(['close', undefined]);
    expect(get(FanoutMetrics).rejected.guard).toBe(1);
  });

  it.each([
    ['false', () => false],
    ['an async false, which ws would let in', async () => false],
    ['a promise of another realm', () => runInNewContext('Promise.resolve(false)')],
    ['a call with false', (_: unknown, done: (pass: boolean) => void) => done(false)],
  ])('refuses with 401 or CLOSE.UNAUTHORIZED by %s', async (_, verifyClient) => {
    const { url, get } = await startWith(verifyClient);
    expect((await (await RawUpgrade.to(url)).answered).status).toBe(401);
    expect(await (await Client.connect(url, [OURS])).closed).toEqual(CLOSE.UNAUTHORIZED);
    expect(get(FanoutMetrics).rejected.unauthorized).toBe(2);
  });

  it.each([
    ['throws', () => assertNever()],
    ['rejects', async () => assertNever()],
    ['throws instead of calling', (_info: unknown, _done: unknown) => assertNever()],
    ['rejects instead of calling', async (_info: unknown, _done: unknown) => assertNever()],
  ])('that %s is answered 500, and the process lives', async (_, verifyClient) => {
    const { url } = await startWith(verifyClient);
    expect((await (await RawUpgrade.to(url)).answered).status).toBe(500);
    expect((await (await RawUpgrade.to(url)).answered).status).toBe(500);
  });

  it('may answer with a status and a message of any kind', async () => {
    const { url } = await startWith((_: unknown, done: (...answer: unknown[]) => void) =>
      done(false, 429, { too: 'many' }),
    );
    expect((await (await RawUpgrade.to(url)).answered).status).toBe(429);
    expect(await (await Client.connect(url, [OURS])).closed).toEqual(CLOSE.RATE_LIMITED);
  });

  it('is asked for every gateway of a path', async () => {
    const asked: string[] = [];
    const verifying = (name: string, pass: boolean | Promise<boolean>) => () => (asked.push(name), pass);
    @WebSocketGateway({ path: '/shared' })
    class First {}
    @WebSocketGateway({ path: '/shared', verifyClient: verifying('second', Promise.resolve(true)) })
    class Second {}
    @WebSocketGateway({ path: '/shared', verifyClient: verifying('third', false) })
    class Third {}
    const { url } = await startApp({ providers: [First, Second, Third] });
    expect((await (await RawUpgrade.to(`${url}/shared`)).answered).status).toBe(401);
    expect(asked).toEqual(['second', 'third']);
  });

  it('has limits.handshake to answer', async () => {
    const { url } = await startWith((_info: unknown, _done: unknown) => {}, { limits: { handshake: 50 } });
    expect((await (await RawUpgrade.to(url)).answered).status).toBe(503);
  });
});

describe('a gateway on its own port', () => {
  const startOn = async (options: FanoutOptions): Promise<string> => {
    const port = await freePort();
    @WebSocketGateway(port)
    class OnPort {}
    await startApp({ providers: [OnPort], options });
    return `ws://127.0.0.1:${port}`;
  };

  it('answers a plain request with 426', async () => {
    const url = await startOn({});
    const plain = { Connection: undefined, Upgrade: undefined };
    expect((await (await RawUpgrade.to(url, { headers: plain })).answered).status).toBe(426);
  });

  it('takes a fraction of a millisecond for limits.handshake', async () => {
    const url = await startOn({ limits: { handshake: 1500.5 } });
    expect((await (await RawUpgrade.to(url)).answered).status).toBe(101);
  });

  it('does not wait for headers longer than limits.handshake', async () => {
    const url = await startOn({ limits: { handshake: 200 } });
    const slow = await RawUpgrade.to(url, { unfinished: true });
    expect(await slow.closed).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe('the subprotocol', () => {
  it.each([
    [['bearer.secret', OURS], OURS],
    [['bearer.secret', 'chat'], 'chat'],
    [['chat', 'bearer.secret'], 'chat'],
    [['bearer.secret'], 'bearer.secret'],
  ])('of %j is %s: a token is no protocol', async (offered, agreed) => {
    const { url } = await start();
    expect((await Client.connect(url, offered)).socket.protocol).toBe(agreed);
  });
});

function assertNever(): never {
  throw new Error('verifyClient failed');
}
