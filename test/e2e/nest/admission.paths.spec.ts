import type { Duplex } from 'node:stream';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type Connection, CurrentConnection, FanoutMetrics } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';

/** A gateway that tells what it knows of the path. */
function gatewayAt(name: string, path: string, port = 0) {
  @WebSocketGateway(port, { path })
  class Gateway {
    @SubscribeMessage('where')
    where(@CurrentConnection() { handshake }: Connection): unknown {
      return { name, params: Object.entries(handshake.params), path: handshake.path };
    }
  }
  return Gateway;
}

const where = async (url: string): Promise<unknown> =>
  (await (await Client.connect(url)).request('where')).data;

const startWith = (...gateways: ReturnType<typeof gatewayAt>[]) => startApp({ providers: gateways });

describe('a path with parameters', () => {
  it('fills handshake.params, decoded, and leaves the path as it was sent', async () => {
    const { url } = await startWith(gatewayAt('room', '/rooms/:room/:__proto__'));
    expect(await where(`${url}/rooms/a%20b/c/?x=/y`)).toEqual({
      name: 'room',
      params: [
        ['room', 'a b'],
        ['__proto__', 'c'],
      ],
      path: '/rooms/a%20b/c/',
    });
  });

  it('gives way to a literal, and to another gateway where it does not match', async () => {
    const { url } = await startWith(
      gatewayAt('room', '/rooms/:room'),
      gatewayAt('lobby', '/rooms/lobby'),
      gatewayAt('user', '/rooms/:room/users/:user'),
    );
    expect(await where(`${url}/rooms/lobby`)).toMatchObject({ name: 'lobby', params: [] });
    expect(await where(`${url}/rooms/lobby2`)).toMatchObject({ name: 'room' });
    expect(await where(`${url}/rooms/lobby/users/7`)).toMatchObject({
      name: 'user',
      params: [
        ['room', 'lobby'],
        ['user', '7'],
      ],
    });
  });

  it.each([
    '/rooms',
    '/rooms/',
    '/rooms//',
    '//rooms/1',
    '/rooms//1',
    '/Rooms/1',
    '/rooms/1/2',
    '/rooms;a/1',
    '/%72ooms/1',
    '/rooms%2F1',
    '/rooms/%2e%2e',
    '/rooms/..',
    '/rooms/a%2fb',
    '/rooms/a%5cb',
    '/rooms/%zz',
    '/rooms/%00',
    '/x/../rooms/1',
    `/rooms/${'/'.repeat(8000)}`,
  ])('does not take %s', async target => {
    const { url, get } = await startWith(gatewayAt('room', '/rooms/:room'));
    const refused = await (await RawUpgrade.to(url, { target })).closed;
    expect(refused).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(get(FanoutMetrics).rejected.path).toBe(1);
  });

  it('does not take a target that is no path', async () => {
    const { url } = await startWith(gatewayAt('any', '/:any'));
    for (const target of ['*', 'x:y']) {
      const refused = await RawUpgrade.to(url, { target });
      expect(await refused.closed).toMatch(/^HTTP\/1\.1 40[04] /);
    }
    expect(await where(`${url}/*`)).toMatchObject({ params: [['any', '*']] });
  });

  it.each([
    ['FANOUT_PATH_AMBIGUOUS', ['/rooms/:room', '/rooms/:id/']],
    ['FANOUT_PATH', ['/rooms/:']],
    ['FANOUT_PATH', ['rooms/:id(\\d+)']],
    ['FANOUT_PATH', ['/rooms?a=b']],
  ])('is refused at start with %s: %j', async (code, paths) => {
    await expect(startWith(...paths.map(path => gatewayAt(path, path)))).rejects.toMatchObject({ code });
  });

  it('may be shared by gateways that spell it alike', async () => {
    @WebSocketGateway({ path: 'rooms/:room/' })
    class Other {
      @SubscribeMessage('other')
      other(@CurrentConnection() { handshake }: Connection): unknown {
        return handshake.params;
      }
    }
    const { url } = await startWith(gatewayAt('room', '/rooms/:room'), Other as never);
    const client = await Client.connect(`${url}/rooms/1`);
    expect((await client.request('where')).data.name).toBe('room');
    expect((await client.request('other')).data).toEqual({ room: '1' });
  });
});

describe('unmatched', () => {
  /** An application whose HTTP server has another listener, which takes /theirs. */
  const startWithOther = (unmatched: 'ignore' | 'refuse') =>
    startApp({
      providers: [gatewayAt('ours', '/ours')],
      options: { unmatched },
      configure: app =>
        app.getHttpServer().on('upgrade', ({ url }: { url: string }, socket: Duplex) => {
          if (url === '/theirs') socket.end('HTTP/1.1 418 Theirs\r\nContent-Length: 0\r\n\r\n');
        }),
    });

  it("'ignore' leaves an upgrade to the other listeners of the server", async () => {
    const { url, get } = await startWithOther('ignore');
    expect((await (await RawUpgrade.to(`${url}/theirs`)).answered).status).toBe(418);
    expect(get(FanoutMetrics).rejected.path).toBe(0);
    expect(await where(`${url}/ours`)).toMatchObject({ name: 'ours' });
  });

  it("'refuse' answers 404, whoever else listens", async () => {
    const { url } = await startWithOther('refuse');
    expect((await (await RawUpgrade.to(`${url}/elsewhere`)).answered).status).toBe(404);
    expect(await where(`${url}/ours`)).toMatchObject({ name: 'ours' });
  });
});
