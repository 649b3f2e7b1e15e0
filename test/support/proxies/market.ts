import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import {
  MessageBody,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import {
  Broadcaster,
  type Connection,
  Connections,
  CurrentConnection,
  type FanoutOptions,
  Topic,
} from 'nestjs-fanout';
import { onTestFinished } from 'vitest';
import { startApp } from '../app.js';
import { Client } from '../client.js';
import type { Configuration } from './configuration.js';
import { freePlace, type Place } from './loopback.js';
import { type Program, Proxy, type Running } from './program.js';

/** Address of the proxies as an application sees it. */
const PROXY = '127.0.0.1';

/** Address of the clients of a test: another one than that of the proxy. */
export const CLIENT = '127.0.0.5';

@WebSocketGateway({ path: '/market' })
export class MarketGateway implements OnGatewayConnection {
  /** Upgrade requests as they came from the proxy. */
  readonly requests: IncomingMessage[] = [];

  handleConnection(_client: unknown, request: IncomingMessage): void {
    this.requests.push(request);
  }

  @Topic('prices')
  prices() {}

  @SubscribeMessage('id')
  id(@CurrentConnection() { id }: Connection) {
    return { id };
  }

  @SubscribeMessage('length')
  length(@MessageBody() { text }: { text: string }) {
    return { length: text.length };
  }

  readonly #release: (() => void)[] = [];

  /** Messages whose handler waits for {@link release}. */
  get hanging(): number {
    return this.#release.length;
  }

  @SubscribeMessage('hang')
  hang() {
    return new Promise<void>(resolve => this.#release.push(resolve));
  }

  release(): void {
    for (const resolve of this.#release.splice(0)) resolve();
  }
}

/** An application of a test. */
export interface Market {
  readonly app: INestApplication;
  readonly at: Place;
  readonly gateway: MarketGateway;
  readonly connections: Connections;
  readonly broadcaster: Broadcaster;
}

/** Limits that refuse nothing because the machine is busy. */
const UNHURRIED = { loopDelay: 0, handshake: 60_000 };

/** Starts an application, on a free port or again on one that it had before. */
export async function startMarket(options: FanoutOptions = {}, at?: Place): Promise<Market> {
  const listen = at ?? (await freePlace());
  const { app, get } = await startApp({
    providers: [MarketGateway],
    options: { trustProxy: [PROXY], ...options, limits: { ...UNHURRIED, ...options.limits } },
    listen,
  });
  return {
    app,
    at: listen,
    gateway: get(MarketGateway),
    connections: get(Connections),
    broadcaster: get(Broadcaster),
  };
}

/** An application and a proxy in front of it. */
export interface Behind extends Market {
  readonly proxy: Proxy;
}

/** Starts an application and a proxy that knows it under the first address of the page. */
export async function startBehind(
  program: Program,
  configuration: Configuration,
  options?: FanoutOptions,
  running?: Omit<Running, 'apps'>,
): Promise<Behind> {
  const market = await startMarket(options);
  const proxy = await Proxy.start(program, configuration, { apps: [market.at], ...running });
  return { ...market, proxy };
}

/** Starts two applications and a proxy that knows both. */
export async function startTwoBehind(
  program: Program,
  configuration: Configuration,
  options?: FanoutOptions,
) {
  const markets = [await startMarket(options), await startMarket(options)] as const;
  const proxy = await Proxy.start(program, configuration, { apps: markets.map(({ at }) => at) });
  return { markets, proxy };
}

/** Starts a server that accepts connections and never answers. */
export async function startSilent(): Promise<Place> {
  const at = await freePlace();
  const server = createServer(socket => socket.on('error', () => {}).resume()).listen(at.port, at.host);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return at;
}

/** Connects a client to the gateway through a proxy. */
export async function connectTo({ url }: Proxy, headers: Record<string, string> = {}): Promise<Client> {
  return Client.connect(`${url}/market`, [], { headers, localAddress: CLIENT });
}

/** Settles when a client has been pinged so many times from now on. */
export function pinged({ socket }: Client, count: number): Promise<void> {
  let left = count;
  return new Promise((resolve, reject) => {
    socket.on('ping', () => {
      if (--left === 0) resolve();
    });
    socket.on('close', code =>
      reject(new Error(`closed with ${code} before the last ${left} of ${count} pings`)),
    );
  });
}

/** Sends pongs that nobody asked for, until the test ends. They are the shortest messages without an answer. */
export function chatter({ socket }: Client, ms: number): void {
  const timer = setInterval(() => socket.pong(), ms);
  onTestFinished(() => clearInterval(timer));
}
