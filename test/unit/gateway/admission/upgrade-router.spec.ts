import { Server } from 'node:http';
import { Duplex } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { UpgradeRouter } from '../../../../lib/gateway/admission/upgrade-router.js';
import { settled } from '../../../support/unit/gateway-client.js';

class Socket extends Duplex {
  override _read(): void {}

  override _write(_: unknown, __: unknown, done: () => void): void {
    done();
  }
}

let server: Server;
let admitted: any[];
let refused: unknown[];
let left: unknown[];
let conflicts: string[];

beforeEach(() => {
  server = new Server();
  admitted = [];
  refused = [];
  left = [];
  conflicts = [];
});

function routerOf(unmatched: 'ignore' | 'refuse', ...paths: (string | undefined)[]): UpgradeRouter {
  const router = new UpgradeRouter(server, {
    admission: {
      admit: (arrival: unknown) => admitted.push(arrival),
      unknownPath: () => ({ status: 404 }),
    } as never,
    addresses: { of: () => '1.2.3.4' } as never,
    refuser: {
      refuse: (_: unknown, refusal: { status: number }) => refused.push(refusal.status),
      linger: () => refused.push('linger'),
    } as never,
    unclaimed: { leave: () => left.push('left') } as never,
    preflight: { conflict: url => conflicts.push(url) },
    unmatched,
  });
  for (const path of paths) router.add({ path } as never);
  return router;
}

async function upgrade(
  url: string,
  headers: object = { upgrade: 'websocket' },
  rawHeaders: string[] = [],
): Promise<Socket> {
  const socket = new Socket();
  server.emit('upgrade', { url, headers, rawHeaders, method: 'GET' }, socket, Buffer.alloc(0));
  await settled();
  return socket;
}

const paths = (): unknown[] => admitted.map(({ endpoint }) => endpoint.path);

describe('UpgradeRouter', () => {
  it('finds the endpoint by its exact path, with or without a query', async () => {
    routerOf('refuse', '/a', '/b');
    await upgrade('/b');
    await upgrade('/a?x=1');
    await upgrade('/A');
    expect(paths()).toEqual(['/b', '/a']);
    expect(admitted[0]).toMatchObject({ ip: '1.2.3.4', params: {} });
    expect(refused).toEqual([404]);
  });

  it('prefers an exact path to one with parameters, whose values are decoded', async () => {
    routerOf('refuse', '/rooms/:room', '/rooms/lobby');
    await upgrade('/rooms/lobby');
    await upgrade('/rooms/a%20b');
    expect(paths()).toEqual(['/rooms/lobby', '/rooms/:room']);
    expect(admitted[1].params).toEqual({ room: 'a b' });
  });

  it('finds nothing hidden in an encoding', async () => {
    routerOf('refuse', '/admin');
    await upgrade('/%61dmin');
    await upgrade('/x/../admin');
    expect([admitted, refused]).toEqual([[], [404, 404]]);
  });

  it('gives every path to an endpoint without a path', async () => {
    routerOf('refuse', undefined, '/a');
    await upgrade('/a');
    await upgrade('/anything');
    expect(paths()).toEqual(['/a', undefined]);
  });

  it('leaves an unknown path to other listeners, if there are any', async () => {
    routerOf('ignore', '/a');
    await upgrade('/b');
    server.on('upgrade', () => {});
    await upgrade('/b');
    expect([refused, left]).toEqual([[404], ['left']]);
  });

  it('lets another listener take an upgrade first, and says so', async () => {
    routerOf('ignore', '/a');
    server.on('upgrade', (_, socket: Duplex) => socket.end('HTTP/1.1 101\r\n\r\n'));
    await upgrade('/a');
    expect([admitted, conflicts, refused]).toEqual([[], ['/a'], ['linger']]);
  });

  it('takes no upgrade to another protocol: one with too many headers is refused', async () => {
    routerOf('refuse', '/a');
    await upgrade(
      '/a',
      { upgrade: 'h2c' },
      Array.from({ length: 5000 }, () => 'x'),
    );
    expect([admitted, refused]).toEqual([[], [431]]);
  });

  it('leaves an upgrade to another protocol to a listener that takes it', async () => {
    routerOf('refuse', '/a');
    server.on('upgrade', (_, socket: Duplex) => socket.end('HTTP/1.1 101\r\n\r\n'));
    await upgrade('/a', { upgrade: 'h2c' });
    expect([admitted, refused]).toEqual([[], []]);
  });

  it('listens no longer after stop()', async () => {
    routerOf('refuse', '/a').stop();
    await upgrade('/a');
    expect([admitted, refused, server.listenerCount('upgrade')]).toEqual([[], [], 0]);
  });
});
