import assert from 'node:assert/strict';
import { once } from 'node:events';
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { createClient, type Client } from 'graphql-ws';
import { firstValueFrom } from 'rxjs';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import type { App } from './app.js';
import type { HttpClient } from './http.js';
import type { Report } from './report.js';

export function graphqlClient(app: App, { token }: HttpClient): Client {
  return createClient({
    url: app.url('/graphql', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
    lazy: false,
    onNonLazyError: () => {},
  });
}

export function socketIoClient(app: App, transports: string[]): Socket {
  return io(app.url(''), { transports, reconnection: false });
}

export async function echoClient(app: App): Promise<WebSocket> {
  const socket = new WebSocket(app.url('/echo', 'ws'));
  await once(socket, 'open');
  return socket;
}

/** A client of the microservice; `call` gives the only value of an answer. */
export function rpcClient(app: App) {
  const proxy = ClientProxyFactory.create({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port: app.ports.rpc },
  });
  return {
    call: (pattern: string, data: object): Promise<any> => firstValueFrom(proxy.send(pattern, data)),
    close: () => proxy.close(),
  };
}

/** GraphQL, Socket.IO, the bare `ws` server and the microservice. */
export async function checkNeighbours(report: Report, app: App, ann: HttpClient): Promise<void> {
  await report.check('GraphQL: query, with guard and interceptor', async () => {
    const { me } = await ann.graphql('{ me { user stamp } }');
    assert.deepEqual(me, { user: 'ann', stamp: 'graphql' });
    const { body } = await ann.post('/graphql', { query: '{ me { user } }' });
    assert.equal(body.data.me.user, 'ann');
  });
  await report.check('GraphQL: a subscription', async () => {
    const client = graphqlClient(app, ann);
    const values = client.iterate({ query: 'subscription { quoted { symbol price } }' });
    const first = values.next();
    // The subscription is there some time after its request was sent; a mutation before that reaches nobody.
    const repeat = setInterval(() => void ann.graphql('mutation { setPrice(symbol: "SUB", price: 7) }'), 50);
    try {
      const { value } = await first;
      assert.deepEqual((value as any).data.quoted, { symbol: 'SUB', price: 7 });
    } finally {
      clearInterval(repeat);
      await client.dispose();
    }
  });
  await report.check('GraphQL: the guard refuses a subscription without a token', async () => {
    const client = createClient({
      url: app.url('/graphql', 'ws'),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
    });
    try {
      const { value } = await client.iterate({ query: 'subscription { quoted { symbol } }' }).next();
      assert.match(JSON.stringify((value as any).errors), /Unauthorized/);
    } finally {
      await client.dispose();
    }
  });
  for (const transport of ['websocket', 'polling'])
    await report.check(`Socket.IO: an event over ${transport}`, async () => {
      const socket = socketIoClient(app, [transport]);
      assert.equal(await socket.timeout(5000).emitWithAck('shout', 'hello'), 'HELLO');
      socket.disconnect();
    });
  await report.check('Socket.IO: the upgrade from polling to WebSocket', async () => {
    const socket = socketIoClient(app, ['polling', 'websocket']);
    await once(socket as any, 'connect');
    if (socket.io.engine.transport.name !== 'websocket') await once(socket.io.engine as any, 'upgrade');
    assert.equal(await socket.timeout(5000).emitWithAck('shout', 'again'), 'AGAIN');
    socket.disconnect();
  });
  await report.check('bare ws: text and binary echo', async () => {
    const socket = await echoClient(app);
    for (const message of ['text', Buffer.alloc(100_000, 7)]) {
      socket.send(message);
      const [data, binary] = await once(socket, 'message');
      assert.equal(binary, typeof message !== 'string');
      assert.ok(Buffer.from(message).equals(data));
    }
    socket.close();
    await once(socket, 'close');
  });
  await report.check('microservice: guard and interceptor', async () => {
    const rpc = rpcClient(app);
    try {
      assert.equal((await rpc.call('cls', { token: ann.token })).stamp, 'rpc');
      await assert.rejects(rpc.call('cls', {}));
    } finally {
      await rpc.close();
    }
  });
}
