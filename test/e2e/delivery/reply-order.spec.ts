import { UseGuards } from '@nestjs/common';
import {
  ConnectedSocket,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { Connections, CurrentConnection, type Connection, Topic } from 'nestjs-fanout';
import { from } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { WebSocket, type WebSocketServer as Server } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

const RAW = '{"event":"raw"}';
const REPLY = { event: 'reply' };

class Pass {
  canActivate(): boolean {
    return true;
  }
}

/** What a handler puts off until its reply is made. */
type Defer = (call: () => void) => void;

const defers: Record<string, Defer> = {
  nextTick: call => process.nextTick(call),
  setImmediate: call => void setImmediate(call),
  'a timer': call => void setTimeout(call, 0),
};

/** A gateway whose handlers reply, and do something to the socket later. */
function gatewayThat(act: (socket: WebSocket, server: Server) => void, defer: Defer) {
  @WebSocketGateway()
  class Gateway {
    @WebSocketServer()
    readonly server!: Server;

    @SubscribeMessage('plain')
    plain(@ConnectedSocket() socket: WebSocket) {
      defer(() => act(socket, this.server));
      return REPLY;
    }

    @SubscribeMessage('async')
    async async(@ConnectedSocket() socket: WebSocket) {
      defer(() => act(socket, this.server));
      return REPLY;
    }

    @SubscribeMessage('guarded')
    @UseGuards(Pass)
    guarded(@ConnectedSocket() socket: WebSocket) {
      defer(() => act(socket, this.server));
      return REPLY;
    }

    @SubscribeMessage('failing')
    failing(@ConnectedSocket() socket: WebSocket): never {
      defer(() => act(socket, this.server));
      throw new WsException('no');
    }
  }
  return Gateway;
}

const handlers = ['plain', 'async', 'guarded', 'failing'];
const cases = handlers.flatMap(event => Object.keys(defers).map(when => [event, when] as const));

describe.each(cases)('a reply of a handler (%s) comes before what the handler does in %s', (event, when) => {
  const answer = { event: event === 'failing' ? 'error' : 'reply' };

  async function connected(act: (socket: WebSocket, server: Server) => void): Promise<Client> {
    const { url } = await startApp({ providers: [gatewayThat(act, defers[when]!)] });
    return Client.connect(url);
  }

  it.each([
    ['send()', (socket: WebSocket) => socket.send(RAW)],
    ['send() to all', (_: unknown, server: Server) => server.clients.forEach(each => each.send(RAW))],
  ])('%s', async (_, act) => {
    const client = await connected(act);
    client.send({ event });
    await client.until(() => client.frames.length === 2);
    expect(client.frames).toEqual([expect.objectContaining(answer), { event: 'raw' }]);
  });

  it('close()', async () => {
    const client = await connected(socket => socket.close(4100, 'done'));
    client.send({ event });
    expect(await client.closed).toEqual({ code: 4100, reason: 'done' });
    expect(client.frames).toEqual([expect.objectContaining(answer)]);
  });

  it('terminate()', async () => {
    const client = await connected(socket => socket.terminate());
    client.send({ event });
    expect((await client.closed).code).toBe(1006);
    expect(client.frames).toEqual([expect.objectContaining(answer)]);
  });

  it('ping()', async () => {
    const client = await connected(socket => socket.ping());
    const framesAtPing = new Promise(resolve =>
      client.socket.once('ping', () => resolve(client.frames.length)),
    );
    client.send({ event });
    expect(await framesAtPing).toBe(1);
  });
});

describe('a frame that the application sends through the socket', () => {
  @WebSocketGateway()
  class Gateway {
    @SubscribeMessage('reply')
    reply() {
      return REPLY;
    }

    @SubscribeMessage('send')
    send(@ConnectedSocket() socket: WebSocket) {
      socket.send(RAW);
      return REPLY;
    }

    @SubscribeMessage('both')
    both(@CurrentConnection() connection: Connection) {
      connection.send('first');
      connection.socket.send(RAW);
      connection.send('last');
    }

    @SubscribeMessage('stream')
    stream(@ConnectedSocket() socket: WebSocket) {
      process.nextTick(() => socket.send(RAW));
      return from([{ event: 'one' }, { event: 'two' }]);
    }

    @SubscribeMessage('subscribe by hand')
    subscribe(@CurrentConnection() connection: Connection) {
      connection.subscribe('topic');
      connection.socket.send(RAW);
    }

    @Topic('topic')
    topic() {}
  }

  it.each([
    [
      ['reply', 'send'],
      ['reply', 'raw', 'reply'],
    ],
    [['both'], ['first', 'raw', 'last']],
    [['stream'], ['one', 'two', 'raw']],
    [['subscribe by hand'], ['subscribed', 'raw']],
  ])('keeps its place, after %j', async (events, order) => {
    const { url } = await startApp({ providers: [Gateway] });
    const client = await Client.connect(url);
    for (const event of events) client.send({ event });
    await client.until(() => client.frames.length === order.length);
    expect(client.frames.map(({ event }) => event)).toEqual(order);
  });

  it('may be larger than the limit of unsent bytes, and the replies of its turn are not lost', async () => {
    const { url, get } = await startApp({
      providers: [Gateway],
      options: { slowConsumer: { maxBytes: 65_536 } },
    });
    const client = await Client.connect(url);
    await client.request('reply');
    const [connection] = [...get(Connections)];
    connection!.send('before');
    connection!.socket.send(JSON.stringify({ event: 'large', data: 'x'.repeat(4_000_000) }));
    await client.until(() => client.frames.length === 3);
    expect(client.frames.map(({ event }) => event).slice(1)).toEqual(['before', 'large']);
    expect(await client.request('reply')).toMatchObject(REPLY);
  });

  it('keeps its place through a socket class of the application', async () => {
    class OwnSocket extends WebSocket {
      readonly mine = true;
    }
    @WebSocketGateway({ WebSocket: OwnSocket } as never)
    class OwnGateway {
      @SubscribeMessage('mine')
      mine(@ConnectedSocket() socket: OwnSocket) {
        process.nextTick(() => socket.send(RAW));
        return { event: 'reply', data: socket.mine };
      }
    }
    const { url } = await startApp({ providers: [OwnGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'mine' });
    await client.until(() => client.frames.length === 2);
    expect(client.frames).toEqual([{ event: 'reply', data: true }, { event: 'raw' }]);
  });
});
