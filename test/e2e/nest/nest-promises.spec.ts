import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayInit,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer as WsServer } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { freePort } from '../../support/free-port.js';

/** A gateway class of its own for each name and place: it answers `who` with its name and `echo` with what came. */
function gatewayNamed(name: string, ...place: [number?, object?]) {
  const [port = 0, options = {}] = place;
  @WebSocketGateway(port, options)
  class NamedGateway {
    @SubscribeMessage(`who.${name}`)
    who() {
      return { event: 'who', data: name };
    }
  }
  return NamedGateway;
}

@WebSocketGateway()
class EchoGateway implements OnGatewayInit<WsServer> {
  @WebSocketServer()
  readonly server!: WsServer;
  readonly inits: WsServer[] = [];
  readonly sockets: WebSocket[] = [];

  afterInit(server: WsServer): void {
    this.inits.push(server);
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @SubscribeMessage('keep')
  keep(@ConnectedSocket() socket: WebSocket): void {
    this.sockets.push(socket);
  }
}

/** What the gateway of that name answers, or the code it is refused with. */
async function ask(url: string, name: string): Promise<string> {
  const client = await Client.connect(url);
  const { data } = await client.request(`who.${name}`);
  return data.code ?? data;
}

describe('a gateway', () => {
  it('serves the port of the HTTP server', async () => {
    const { url } = await startApp({ providers: [EchoGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'echo', data: { answer: 42 } });
    expect(await client.next(() => true)).toEqual({ event: 'echo', data: { answer: 42 } });
  });

  it('serves a port of its own, and nothing but that', async () => {
    const port = await freePort();
    const { url } = await startApp({ providers: [gatewayNamed('own', port)] });
    expect(await ask(`ws://127.0.0.1:${port}`, 'own')).toBe('own');
    await expect(Client.connect(url)).rejects.toThrow();
  });

  it('serves every path of a port of its own when it names none', async () => {
    const port = await freePort();
    await startApp({ providers: [gatewayNamed('own', port)] });
    expect(await ask(`ws://127.0.0.1:${port}/any/where?x=1`, 'own')).toBe('own');
  });

  it('serves its own port beside another gateway on another', async () => {
    const [first, second] = [await freePort(), await freePort()];
    await startApp({ providers: [gatewayNamed('first', first), gatewayNamed('second', second)] });
    expect(await ask(`ws://127.0.0.1:${first}`, 'first')).toBe('first');
    expect(await ask(`ws://127.0.0.1:${second}`, 'second')).toBe('second');
    expect(await ask(`ws://127.0.0.1:${first}`, 'second')).toBe('UNKNOWN_EVENT');
  });

  it('serves its path of a port that it shares', async () => {
    const port = await freePort();
    await startApp({
      providers: [gatewayNamed('a', port, { path: '/a' }), gatewayNamed('b', port, { path: '/b' })],
    });
    expect(await ask(`ws://127.0.0.1:${port}/a`, 'a')).toBe('a');
    expect(await ask(`ws://127.0.0.1:${port}/b`, 'b')).toBe('b');
    expect(await ask(`ws://127.0.0.1:${port}/a`, 'b')).toBe('UNKNOWN_EVENT');
    await expect(Client.connect(`ws://127.0.0.1:${port}/c`)).rejects.toThrow('404');
  });

  it('serves its path of the HTTP server, beside others', async () => {
    const { url } = await startApp({
      providers: [
        gatewayNamed('a', 0, { path: '/a' }),
        gatewayNamed('b', 0, { path: 'b' }),
        gatewayNamed('root'),
      ],
    });
    expect(await ask(`${url}/a`, 'a')).toBe('a');
    expect(await ask(`${url}/a/`, 'a')).toBe('a');
    expect(await ask(`${url}/b?token=x`, 'b')).toBe('b');
    expect(await ask(url, 'root')).toBe('root');
    expect(await ask(`${url}/a`, 'root')).toBe('UNKNOWN_EVENT');
    await expect(Client.connect(`${url}/c`)).rejects.toThrow('404');
  });

  it('serves a path together with other gateways', async () => {
    const { url } = await startApp({
      providers: [
        gatewayNamed('one', 0, { path: '/shared' }),
        gatewayNamed('two', 0, { path: '/shared' }),
        gatewayNamed('three', 0, { path: '/shared' }),
      ],
    });
    const client = await Client.connect(`${url}/shared`);
    for (const name of ['one', 'two', 'three']) expect((await client.request(`who.${name}`)).data).toBe(name);
  });

  it.each([
    ['', '/', undefined, '/'],
    ['/shared', '/shared', '/shared/', 'shared'],
  ])('serves path "%s" together with those that spell it another way', async (at, ...paths) => {
    const names = paths.map((_, index) => `spelling${index}`);
    const { url } = await startApp({
      providers: names.map((name, index) => gatewayNamed(name, 0, { path: paths[index] })),
    });
    const client = await Client.connect(`${url}${at}`);
    for (const name of names) expect((await client.request(`who.${name}`)).data).toBe(name);
  });

  it('answers the client that asked and no other', async () => {
    const { url } = await startApp({ providers: [EchoGateway] });
    const [left, right] = await Promise.all([Client.connect(url), Client.connect(url)]);
    await left.request('echo', 'of the left');
    await right.request('echo', 'of the right');
    await left.request('echo', 'marker');
    expect(left.frames.map(frame => frame.data)).toEqual(['of the left', 'marker']);
    expect(right.frames.map(frame => frame.data)).toEqual(['of the right']);
  });

  it('shares no client with a gateway of another path', async () => {
    const { url, get } = await startApp({ providers: [EchoGateway, gatewayNamed('a', 0, { path: '/a' })] });
    await Client.connect(`${url}/a`);
    expect(get(EchoGateway).server.clients.size).toBe(0);
    await Client.connect(url);
    expect(get(EchoGateway).server.clients.size).toBe(1);
  });

  it('gets the ws server, whose clients are the sockets of its handlers', async () => {
    const { url, get } = await startApp({ providers: [EchoGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'keep' });
    await client.request('echo');
    const { server, sockets } = get(EchoGateway);
    expect(server).toBeInstanceOf(WsServer);
    expect([...server.clients]).toEqual(sockets);
    for (const socket of server.clients) socket.send('{"event":"all"}');
    expect(await client.next(frame => frame.event === 'all')).toBeDefined();
  });

  it('is told of its server once, before anybody connects', async () => {
    const { get } = await startApp({ providers: [EchoGateway] });
    const { server, inits } = get(EchoGateway);
    expect(inits).toEqual([server]);
  });

  it('hands options that only ws knows to its server', async () => {
    const options = {
      maxPayload: 100,
      verifyClient: ({ req }: { req: { url: string } }) => req.url.includes('token=good'),
    };
    const { url } = await startApp({ providers: [gatewayNamed('strict', 0, options)] });
    await expect(Client.connect(url)).rejects.toThrow('401');
    const client = await Client.connect(`${url}?token=good`);
    expect((await client.request('who.strict')).data).toBe('strict');
    client.send({ event: 'who.strict', data: 'x'.repeat(100) });
    expect((await client.closed).code).toBe(1009);
  });

  it('opens its own port when the application starts and closes it with the application', async () => {
    const port = await freePort();
    const { app } = await startApp({ providers: [gatewayNamed('own', port)] });
    const client = await Client.connect(`ws://127.0.0.1:${port}`);
    await app.close();
    expect((await client.closed).code).toBe(1012);
    await expect(Client.connect(`ws://127.0.0.1:${port}`)).rejects.toThrow('ECONNREFUSED');
  });
});
