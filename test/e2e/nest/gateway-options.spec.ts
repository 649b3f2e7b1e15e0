import { get as httpGet } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { Type } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';
import { freePort } from '../../support/free-port.js';

/** An address of this machine that is not a loopback address. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find(each => each?.family === 'IPv4' && !each.internal)?.address;

/** A gateway named after its event, which answers with the name. */
function gatewayWith(name: string, ...args: [number | object, object?]): Type {
  @WebSocketGateway(...(args as [number, object]))
  class Gateway {
    @SubscribeMessage(name)
    answer(): unknown {
      return name;
    }
  }
  Object.defineProperty(Gateway, 'name', { value: name });
  return Gateway;
}

const start = (...providers: Type[]) => startApp({ providers });

const failure = (...providers: Type[]): Promise<Error & { code: string }> =>
  start(...providers).then(
    () => Promise.reject(new Error('started')),
    error => error,
  );

const statusOf = async (url: string): Promise<number> => (await (await RawUpgrade.to(url)).answered).status;

/** Whether somebody listens at an address. */
const listens = (host: string, port: number): Promise<boolean> =>
  new Promise(resolve => {
    const asking = httpGet({ host, port }, response => resolve((response.resume(), true)));
    asking.on('error', () => resolve(false));
  });

describe('an option of @WebSocketGateway()', () => {
  it.each([
    ['maxpayload', { maxpayload: 100 }, 'FANOUT_OPTION_UNKNOWN'],
    ['verifyClients', { verifyClients: () => false }, 'FANOUT_OPTION_UNKNOWN'],
    ['maxHttpBufferSize', { maxHttpBufferSize: 1 }, 'FANOUT_GATEWAY_OPTION'],
    ['cors', { cors: true }, 'FANOUT_GATEWAY_OPTION'],
    ['transports', { transports: ['websocket'] }, 'FANOUT_GATEWAY_OPTION'],
    ['port', { port: 1 }, 'FANOUT_GATEWAY_OPTION'],
    ['server', { server: {} }, 'FANOUT_GATEWAY_OPTION'],
    ['noServer', { noServer: true }, 'FANOUT_GATEWAY_OPTION'],
    ['host', { host: '127.0.0.1' }, 'FANOUT_GATEWAY_OPTION'],
    ['backlog', { backlog: 5 }, 'FANOUT_GATEWAY_OPTION'],
    ['maxPayload', { maxPayload: 0 }, 'FANOUT_OPTION'],
    ['maxPayload', { maxPayload: 2 ** 31 }, 'FANOUT_OPTION'],
    ['maxPayload', { maxPayload: '100' }, 'FANOUT_OPTION'],
    ['verifyClient', { verifyClient: null }, 'FANOUT_OPTION'],
    ['skipUTF8Validation', { skipUTF8Validation: 'no' }, 'FANOUT_OPTION'],
  ])('%s of %j is refused at start', async (name, options, code) => {
    const error = await failure(gatewayWith('Chat', options));
    expect(error).toMatchObject({ code, message: expect.stringContaining(name) });
    expect(error.message).toContain('@WebSocketGateway of Chat');
  });

  it.each(['4100', 4100.5])('is no port: %j', async port => {
    const error = await failure(gatewayWith('Chat', port as number, { verifyClient: () => false }));
    expect(error).toMatchObject({ code: 'FANOUT_GATEWAY_PORT', message: expect.stringContaining('Chat') });
  });

  it.each([-1, 65_536])('is no port that a system has: %j', async port => {
    expect(await failure(gatewayWith('Chat', port))).toMatchObject({ code: 'FANOUT_GATEWAY_PORT' });
  });

  it('is left alone when it is undefined', async () => {
    const { url } = await start(
      gatewayWith('chat', { cors: undefined, host: undefined, maxPayload: undefined }),
    );
    expect(await statusOf(url)).toBe(101);
  });

  it.skipIf(outside === undefined)('host decides where a port of its own listens', async () => {
    const port = await freePort();
    await start(
      gatewayWith('chat', port, { host: '127.0.0.1', path: '/a' }),
      gatewayWith('talk', port, { path: '/b' }),
    );
    expect(await listens('127.0.0.1', port)).toBe(true);
    expect(await listens(outside!, port)).toBe(false);
    expect(await statusOf(`ws://127.0.0.1:${port}/b`)).toBe(101);
  });

  it('host may be an IPv6 address', async () => {
    const port = await freePort();
    await start(gatewayWith('chat', port, { host: '::1', backlog: 7 }));
    expect(await listens('::1', port)).toBe(true);
    expect(await listens('127.0.0.1', port)).toBe(false);
  });

  it('host that gateways of one port contradict is an error that names both', async () => {
    const port = await freePort();
    const error = await failure(
      gatewayWith('Chat', port, { host: '127.0.0.1', path: '/a' }),
      gatewayWith('Talk', port, { host: '::1', path: '/b' }),
    );
    expect(error.code).toBe('FANOUT_GATEWAY_CONFLICT');
    for (const named of ['Chat', 'Talk', '"host"']) expect(error.message).toContain(named);
  });

  it('goes to ws as it was given', async () => {
    class OwnSocket extends WebSocket {}
    const seen: unknown[] = [];
    const { url } = await startApp({
      providers: [
        (() => {
          @WebSocketGateway({
            WebSocket: OwnSocket,
            clientTracking: false,
            handleProtocols: (offered: Set<string>) => [...offered].at(-1)!,
            perMessageDeflate: true,
            skipUTF8Validation: true,
            allowSynchronousEvents: false,
            autoPong: true,
            maxFragments: 3,
            maxBufferedChunks: 9,
            maxPendingAutoPongs: 2,
            closeTimeout: 100,
          })
          class Chat {
            afterInit(server: { clients?: unknown }): void {
              seen.push(server);
            }
            handleConnection(socket: WebSocket): void {
              seen.push(socket instanceof OwnSocket);
            }
          }
          return Chat;
        })(),
      ],
    });
    const client = await Client.connect(url, ['a', 'b'], { perMessageDeflate: true });
    expect(client.socket.protocol).toBe('b');
    expect(client.socket.extensions).toContain('permessage-deflate');
    const [server, own] = seen as [{ clients?: unknown; options: object }, boolean];
    expect(own).toBe(true);
    expect(server.clients).toBeUndefined();
    expect(server.options).toMatchObject({ maxFragments: 3, maxBufferedChunks: 9, closeTimeout: 100 });
  });
});

describe('the options of a base class', () => {
  it('keep its verifyClient, which is asked beside that of the class', async () => {
    const asked: string[] = [];
    @WebSocketGateway({
      verifyClient: ({ req }: { req: { url: string } }) => (asked.push('base'), req.url !== '/b?no'),
    })
    abstract class Base {}
    @WebSocketGateway({ path: '/b', verifyClient: () => (asked.push('child'), true) })
    class Child extends Base {}
    @WebSocketGateway({ path: '/c' })
    class Plain extends Base {}
    const { url } = await start(Child, Plain);
    expect(await statusOf(`${url}/b?no`)).toBe(401);
    expect(await statusOf(`${url}/b`)).toBe(101);
    expect(await statusOf(`${url}/c`)).toBe(101);
    expect(asked).toEqual(['base', 'base', 'child', 'base']);
  });

  it.each([
    [100, 1000],
    [1000, 100],
    [100, undefined],
  ])('keep the lower limit of %j and %j', async (base, child) => {
    @WebSocketGateway({ maxPayload: base, closeTimeout: 50 })
    abstract class Base {}
    @WebSocketGateway({ path: '/b', ...(child !== undefined && { maxPayload: child }) })
    class Child extends Base {
      @SubscribeMessage('x')
      x() {}
    }
    const client = await Client.connect(`${(await start(Child)).url}/b`);
    client.send({ event: 'x', data: 'x'.repeat(100) });
    expect((await client.closed).code).toBe(1009);
  });

  it('are checked too', async () => {
    @WebSocketGateway({ maxpayload: 100 } as object)
    abstract class Base {}
    @WebSocketGateway({ path: '/b' })
    class Child extends Base {}
    expect(await failure(Child)).toMatchObject({
      code: 'FANOUT_OPTION_UNKNOWN',
      message: expect.stringContaining('Base'),
    });
  });

  it('give way to those of the class where they are no limits', async () => {
    @WebSocketGateway({ handleProtocols: () => 'base', autoPong: true })
    abstract class Base {}
    @WebSocketGateway({ handleProtocols: () => 'child' })
    class Child extends Base {}
    const { url } = await start(Child);
    expect((await Client.connect(url, ['base', 'child'])).socket.protocol).toBe('child');
  });
});

describe('gateways that share a path', () => {
  it.each([
    [{ maxPayload: 100 }, {}],
    [{}, { maxPayload: 100 }],
    [{ maxPayload: 1000 }, { maxPayload: 100 }],
    [{ maxPayload: 100 }, { maxPayload: 1000 }],
  ])('have the lower limit of %j and %j', async (a, b) => {
    const { url } = await start(
      gatewayWith('a', { path: '/s', ...a }),
      gatewayWith('b', { path: 's/', ...b }),
    );
    const client = await Client.connect(`${url}/s`);
    expect((await client.request('b')).data).toBe('b');
    client.send({ event: 'a', data: 'x'.repeat(1000) });
    expect((await client.closed).code).toBe(1009);
  });

  it.each([
    ['perMessageDeflate', { perMessageDeflate: true }, { perMessageDeflate: { threshold: 1 } }],
    ['skipUTF8Validation', { skipUTF8Validation: true }, { skipUTF8Validation: false }],
    ['handleProtocols', { handleProtocols: () => 'a' }, { handleProtocols: () => 'b' }],
  ])('cannot differ in %s', async (name, a, b) => {
    const error = await failure(gatewayWith('Chat', a), gatewayWith('Talk', b));
    expect(error).toMatchObject({
      code: 'FANOUT_GATEWAY_CONFLICT',
      message: expect.stringContaining(`"${name}"`),
    });
    for (const named of ['Chat', 'Talk']) expect(error.message).toContain(named);
  });

  it('may give the same', async () => {
    const options = { perMessageDeflate: { threshold: 10 }, autoPong: false };
    const { url } = await start(gatewayWith('a', { ...options }), gatewayWith('b', structuredClone(options)));
    expect(await statusOf(url)).toBe(101);
  });
});
