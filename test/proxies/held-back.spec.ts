import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Configuration } from '../support/proxies/configuration.js';
import { freePlace, type Place, textOf } from '../support/proxies/loopback.js';
import { type Program, Proxy } from '../support/proxies/program.js';
import { apache, caddy, haproxy, nginx } from '../support/proxies/programs.js';

const CHUNK = Buffer.alloc(65_536, '.');

/** Milliseconds without a byte taken, after which nothing more is taken. */
const FULL_MS = 1000;

/** Clients that are tried until one is as expected. */
const CLIENTS = 4;

/** A WebSocket server that sends more than anybody takes. */
class Flood {
  readonly #server: WebSocketServer;

  private constructor(readonly at: Place) {
    this.#server = new WebSocketServer({ ...at, perMessageDeflate: false });
    onTestFinished(() => void this.#server.close());
  }

  static async start(): Promise<Flood> {
    const server = new Flood(await freePlace());
    await once(server.#server, 'listening');
    return server;
  }

  /** Connects a client that reads nothing yet, and gives it with its socket in the server. */
  async connect(url: string): Promise<{ client: Peer; peer: Peer }> {
    const accepted = once(this.#server, 'connection');
    const client = new WebSocket(url, { rejectUnauthorized: false, perMessageDeflate: false }) as Peer;
    onTestFinished(() => client.terminate());
    await once(client, 'open');
    client.pause();
    const [peer] = (await accepted) as [Peer];
    onTestFinished(() => peer.terminate());
    return { client, peer };
  }

  /** Bytes that are taken on the way to a client that reads nothing. */
  async taken(url: string): Promise<number> {
    const { peer } = await this.connect(url);
    let taken = 0;
    for (let since = performance.now(); performance.now() - since < FULL_MS; await delay(20)) {
      const now = flood(peer);
      if (now !== taken) since = performance.now();
      taken = now;
    }
    return taken;
  }
}

/** One end of a connection, with the socket that `ws` keeps. */
type Peer = WebSocket & { readonly _socket: Socket };

/** Keeps a socket full, and gives the bytes that were taken of it so far. */
function flood(peer: Peer): number {
  const socket = peer._socket;
  while (socket.writableLength < 2 * CHUNK.length) peer.send(CHUNK);
  return socket.bytesWritten - socket.writableLength;
}

const behindNginx = Configuration.of('nginx', 'nginx');
const behindHaproxy = Configuration.of('HAProxy', 'haproxy');
const behindCaddy = Configuration.of('Caddy', 'caddyfile');
const behindApache = Configuration.of('Apache', 'apache');

/** Bytes that are held back by a proxy beyond what is without it, for one client after the other. */
async function* heldBack(program: Program, configuration: Configuration): AsyncGenerator<number> {
  const server = await Flood.start();
  const proxy = await Proxy.start(program, configuration, { apps: [server.at] });
  const direct = await server.taken(`ws://${textOf(server.at)}`);
  for (let client = 0; client < CLIENTS; client++) {
    const bytes = (await server.taken(proxy.url)) - direct;
    const [more, least] = [bytes, direct].map(each => (each / 1e6).toFixed(1));
    console.log(`${program.name} holds back ${more} MB; ${least} MB are without it`);
    yield bytes;
  }
}

describe('for a client that does not read', () => {
  it.each([
    ['nginx', nginx, behindNginx],
    ['HAProxy', haproxy, behindHaproxy],
    ['Caddy', caddy, behindCaddy],
    ['Apache', apache, behindApache],
  ])('%s takes megabytes', async (_, program, configuration) => {
    for await (const bytes of heldBack(program, configuration)) if (bytes > 2_000_000) return;
    expect.fail('every client was held back for less');
  });

  // How far the kernel opens the window of the proxy towards the application differs from client to client.
  it.each([
    ['nginx with `sndbuf=128k`', nginx, behindNginx.with('listen 443 ssl', 'listen 443 ssl sndbuf=128k')],
    [
      'HAProxy with `tune.sndbuf.client 131072`',
      haproxy,
      behindHaproxy.with('maxconn 9000', 'maxconn 9000\n  tune.sndbuf.client 131072'),
    ],
    [
      'Apache with `SendBufferSize 131072`',
      apache,
      behindApache.with('<Virtual', 'SendBufferSize 131072\n\n<Virtual'),
    ],
  ])('%s takes less than a megabyte', async (_, program, configuration) => {
    for await (const bytes of heldBack(program, configuration)) if (bytes < 1_000_000) return;
    expect.fail('every client was held back for more');
  });
});

describe('a client that reads without pause, but slowly', () => {
  it('is cut by nginx after `send_timeout`', async () => {
    const short = behindNginx.with('location / {', 'send_timeout 1s;\n\n    location / {');
    const server = await Flood.start();
    const proxy = await Proxy.start(nginx, short, { apps: [server.at] });
    const { client, peer } = await server.connect(proxy.url);
    const flooding = setInterval(() => flood(peer), 20);
    onTestFinished(() => clearInterval(flooding));
    peer.once('close', () => clearInterval(flooding));
    let read = 0;
    client._socket.on('data', chunk => {
      read += chunk.length;
      client.pause();
    });
    // A record of TLS each time: the kernel tells nginx of each third of its 4 MB, every few seconds.
    const reading = setInterval(() => client.resume(), 100);
    onTestFinished(() => clearInterval(reading));
    await proxy.says('client timed out');
    expect(read).toBeGreaterThan(0);
  });
});
