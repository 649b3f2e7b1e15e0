import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { CLOSE, type Connection, Connections, FanoutMetrics } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { WebSocket, WebSocketServer as WsServer } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { Gate } from '../../support/gate.js';

/** A gateway whose hook waits for the gate, and that remembers what reached its handler. */
function gatedGateway(event = 'count') {
  const gate = new Gate();
  @WebSocketGateway()
  class GatedGateway {
    @WebSocketServer()
    readonly server!: WsServer;
    readonly handled: number[] = [];

    handleConnection(): Promise<void> {
      return gate.passed;
    }

    @SubscribeMessage(event)
    count(@MessageBody() data: number) {
      this.handled.push(data);
      return { event: 'count', data };
    }
  }
  return { gate, GatedGateway };
}

/** Sends so much that the server holds the socket back: what it has read by then waits for the gate. */
async function sendUntilPaused(client: Client, server: WsServer, count: number): Promise<void> {
  for (let data = 1; data <= count; data++) client.send({ event: 'count', data });
  await eventually(() => [...server.clients].some(socket => socket.isPaused), 'pause');
}

describe('handleConnection', () => {
  const thrown = {
    'an Error': new Error('SECRET'),
    'a WsException': new WsException('SECRET'),
    nothing: undefined,
  };
  const failures = Object.entries(thrown).flatMap(([what, error]) => [
    [
      `throws ${what}`,
      () => {
        throw error;
      },
    ] as const,
    [`rejects with ${what}`, () => Promise.reject(error)] as const,
    [`rejects later with ${what}`, () => new Promise((_, reject) => setImmediate(reject, error))] as const,
  ]);

  it.each(failures)('that %s closes that connection with 1011, and no other suffers', async (_, fail) => {
    let fails = false;
    @WebSocketGateway()
    class FailingGateway {
      handleConnection(): unknown {
        return fails ? fail() : undefined;
      }

      @SubscribeMessage('echo')
      echo(@MessageBody() data: unknown) {
        return data;
      }
    }
    const { url, get } = await startApp({ providers: [FailingGateway] });
    const other = await Client.connect(url);
    await other.request('echo', 'before');
    fails = true;
    const refused = await Client.connect(url);
    refused.send({ event: 'echo', data: 'never handled' });
    expect(await refused.closed).toEqual(CLOSE.HOOK_FAILED);
    expect(refused.frames).toEqual([]);
    expect((await other.request('echo', 'after')).data).toBe('after');
    await eventually(() => get(Connections).size === 1);
  });

  it('may be a property of the instance', async () => {
    const handleConnection = vi.fn();
    const handleDisconnect = vi.fn();
    @WebSocketGateway()
    class ArrowGateway {
      handleConnection = handleConnection;
      handleDisconnect = handleDisconnect;
    }
    const { url } = await startApp({ providers: [ArrowGateway] });
    const client = await Client.connect(url);
    await client.request('marker');
    expect(handleConnection).toHaveBeenCalledTimes(1);
    await client.close();
    await eventually(() => handleDisconnect.mock.calls.length === 1);
  });

  it('has settled before a message is handled, and none that came before is lost', async () => {
    const { gate, GatedGateway } = gatedGateway();
    const { url, get } = await startApp({ providers: [GatedGateway] });
    const { server, handled } = get(GatedGateway);
    const client = await Client.connect(url);
    await sendUntilPaused(client, server, 100);
    expect(handled).toEqual([]);
    gate.open();
    await client.until(() => client.frames.length === 100);
    const inOrder = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(handled).toEqual(inOrder);
    expect(client.frames.map(frame => frame.data)).toEqual(inOrder);
    // The socket is read on.
    expect((await client.request('count', 101)).data).toBe(101);
  });

  it('of every gateway of the path has settled before a message is handled', async () => {
    const [first, second] = [gatedGateway('first'), gatedGateway('second')];
    @WebSocketGateway()
    class HandlerGateway {
      readonly handled: string[] = [];

      @SubscribeMessage('note')
      note(@MessageBody() text: string) {
        this.handled.push(text);
        return text;
      }
    }
    const { url, get } = await startApp({
      providers: [first.GatedGateway, second.GatedGateway, HandlerGateway],
    });
    const client = await Client.connect(url);
    client.send({ event: 'note', id: 1, data: 'early' });
    first.gate.open();
    // The pong of ws says that the server has read the message.
    client.socket.ping();
    await once(client.socket, 'pong');
    expect(get(HandlerGateway).handled).toEqual([]);
    second.gate.open();
    expect((await client.next(() => true)).data).toBe('early');
  });

  it('gets socket and request, once for each connection', async () => {
    const calls: [boolean, string | undefined, unknown][] = [];
    @WebSocketGateway()
    class ArgumentsGateway {
      @WebSocketServer()
      readonly server!: WsServer;

      handleConnection(socket: WebSocket, request: IncomingMessage): void {
        calls.push([this.server.clients.has(socket), request.url, request.headers['x-test']]);
      }
    }
    const { url } = await startApp({ providers: [ArgumentsGateway] });
    const client = await Client.connect(`${url}/?a=1`, [], { headers: { 'x-test': 'yes' } });
    await client.request('marker');
    expect(calls).toEqual([[true, '/?a=1', 'yes']]);
  });

  it.each<[string, (socket: WebSocket, connection: Connection) => void, number]>([
    ['close the socket', socket => socket.close(4401, 'not you'), 4401],
    ['close the Connection', (_, connection) => connection.close(4401, 'not you'), 4401],
    ['terminate the socket', socket => socket.terminate(), 1006],
  ])('may %s, and nothing that waits is handled then', async (_, end, code) => {
    const gate = new Gate();
    @WebSocketGateway()
    class AuthGateway {
      readonly handled: unknown[] = [];

      constructor(private readonly connections: Connections) {}

      async handleConnection(socket: WebSocket): Promise<void> {
        await gate.passed;
        socket.send('{"event":"sorry"}');
        end(socket, this.connections.of(socket)!);
      }

      @SubscribeMessage('note')
      note(@MessageBody() data: unknown) {
        this.handled.push(data);
      }
    }
    const { url, get } = await startApp({ providers: [AuthGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'note', data: 'without leave' });
    // The pong of ws says that the server has read the message.
    client.socket.ping();
    await once(client.socket, 'pong');
    gate.open();
    expect((await client.closed).code).toBe(code);
    await eventually(() => get(Connections).size === 0);
    expect(get(AuthGateway).handled).toEqual([]);
  });

  it.each<[string, (socket: WebSocket) => void]>([
    ['closes', socket => socket.close(4401, 'not you')],
    [
      'throws',
      () => {
        throw new Error('not you');
      },
    ],
  ])('that %s when the client has left already lets nothing of it be handled', async (_, refuse) => {
    const gate = new Gate();
    const settled = vi.fn();
    const handled = vi.fn();
    @WebSocketGateway()
    class AuthGateway {
      async handleConnection(socket: WebSocket): Promise<void> {
        await gate.passed;
        refuse(socket);
      }

      // Comes after handleConnection has settled.
      handleDisconnect(): void {
        settled();
      }

      @SubscribeMessage('note')
      note() {
        handled();
      }
    }
    const { url, get } = await startApp({ providers: [AuthGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'note' });
    await client.close();
    await eventually(() => get(Connections).size === 0);
    gate.open();
    await eventually(() => settled.mock.calls.length === 1);
    expect(handled).not.toHaveBeenCalled();
  });

  it('that takes longer than limits.handshake closes, also when much is waiting for it', async () => {
    const { gate, GatedGateway } = gatedGateway();
    const { url, get } = await startApp({
      providers: [GatedGateway],
      options: { limits: { handshake: 100 } },
    });
    onTestFinished(() => gate.open());
    const client = await Client.connect(url);
    await sendUntilPaused(client, get(GatedGateway).server, 100);
    const asked = performance.now();
    expect(await client.closed).toEqual(CLOSE.HANDSHAKE_TIMEOUT);
    expect(get(FanoutMetrics).rejected['handshake-time']).toBe(1);
    // A peer whose close frame is not read is dropped after five seconds.
    expect(performance.now() - asked).toBeLessThan(4000);
    gate.open();
    const other = await Client.connect(url);
    await other.request('count', 1000);
    expect(get(GatedGateway).handled).toEqual([1000]);
  });
});
