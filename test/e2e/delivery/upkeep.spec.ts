import type { EventEmitter } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ModulesContainer } from '@nestjs/core';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { Broadcaster, BufferPool, Connections, Topic } from 'nestjs-fanout';
import { expect, it, onTestFinished } from 'vitest';
import { type Server, type WebSocket, WebSocketServer as BareServer } from 'ws';
import { startApp } from '../../support/app.js';
import { certificate } from '../../support/certificate.js';
import { Client, eventually } from '../../support/client.js';

@WebSocketGateway()
class Gateway {
  @WebSocketServer()
  server!: Server;

  @Topic('upkeep')
  upkeep(): void {}

  @SubscribeMessage('echo')
  async echo(): Promise<string> {
    return 'echo';
  }
}

/** How many listeners each event has. */
const listeners = (emitter: EventEmitter): Record<string, number> =>
  Object.fromEntries(
    emitter
      .eventNames()
      .map(name => [String(name), emitter.listenerCount(name)] as const)
      .sort(([a], [b]) => a.localeCompare(b)),
  );

/** The two sockets of the next connection that a server accepts. */
async function accepted(server: Server): Promise<{ socket: WebSocket; transport: Socket }> {
  const [socket, request] = (await once(server, 'connection')) as [WebSocket, IncomingMessage];
  return { socket, transport: request.socket };
}

/** A `ws` server with nothing around it. */
async function startBare(): Promise<{ url: string; server: Server }> {
  const tls = Boolean(process.env.FANOUT_TLS);
  const http = tls ? createHttpsServer(certificate()) : createHttpServer();
  const server = new BareServer({ server: http });
  onTestFinished(() => {
    server.close();
    http.closeAllConnections();
    http.close();
  });
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
  return { url: `${tls ? 'wss' : 'ws'}://127.0.0.1:${(http.address() as AddressInfo).port}`, server };
}

it('costs a connection five listeners, and none on its TCP socket beyond those of ws', async () => {
  const bare = await startBare();
  const { url, get } = await startApp({ providers: [Gateway] });
  const [theirs, ours] = [accepted(bare.server), accepted(get(Gateway).server)];
  await Client.connect(bare.url);
  const client = await Client.connect(url);
  const { socket, transport } = await ours;
  const atOpen = listeners(socket);
  await client.subscribe('upkeep');
  await client.request('echo');

  expect(atOpen).toEqual({ close: 1, error: 1, message: 1, ping: 1, pong: 1 });
  expect(listeners(socket)).toEqual(atOpen);
  expect(listeners(transport)).toEqual(listeners((await theirs).transport));
  // The one of `ws` is for its `clients`, which ours sees to as well.
  expect(listeners((await theirs).socket)).toEqual({ close: 1 });
});

it('keeps nothing of a hundred connections that came and went', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { app, url, get } = await startApp({ providers: [Gateway] });
  const connections = get(Connections);
  const { server } = get(Gateway);
  const heartbeat = monitor(app.get(ModulesContainer));
  const sockets: WeakRef<object>[] = [];
  server.on('connection', socket => sockets.push(new WeakRef(socket)));

  const visit = async (number: number): Promise<void> => {
    const visitor = await Client.connect(url, number % 2 === 0 ? ['fanout.v1.json'] : []);
    await visitor.subscribe('upkeep');
    await visitor.request('echo');
    if (number % 3 === 0) visitor.socket.terminate();
    else await visitor.close();
  };
  const staying = await Client.connect(url);
  await staying.subscribe('upkeep');
  await Promise.all(Array.from({ length: 100 }, (_, number) => visit(number)));
  get(Broadcaster).publish('upkeep', 'still here');
  await staying.until(() => staying.publications('upkeep').length === 1);

  expect(sockets).toHaveLength(101);
  await eventually(() => connections.size === 1, 'the end of all but one');
  expect([server.clients.size, heartbeat.size, connections.size]).toEqual([1, 1, 1]);
  expect(get(Broadcaster).subscribers('upkeep')).toBe(1);
  // Their sockets hang together with sessions, connections, outboxes and subscriptions: who keeps one keeps all.
  const alive = (): number => sockets.filter(socket => socket.deref() !== undefined).length;
  await eventually(() => {
    collect();
    return alive() === 1;
  }, 'the collection of all but one');

  await staying.close();
  await eventually(() => connections.size === 0, 'the end of the last');
  expect([server.clients.size, heartbeat.size, get(BufferPool).stats().inUse]).toEqual([0, 0, 0]);
});

/** It is not exported by name: nobody outside of the library has a use for its size. */
function monitor(modules: ModulesContainer): { readonly size: number } {
  const providers = [...modules.values()].flatMap(({ providers: all }) => [...all.values()]);
  return providers.find(({ name }) => name === 'HeartbeatMonitor')!.instance as { size: number };
}
