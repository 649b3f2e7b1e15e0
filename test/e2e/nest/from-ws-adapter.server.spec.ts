import { type AddressInfo, createServer } from 'node:net';
import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer as Server } from 'ws';
import { eventually } from '../../support/client.js';
import {
  linesAt,
  Marked,
  NEST_MAJOR,
  outcomeOf,
  same,
  start,
  turns,
  underBoth,
} from '../../support/both-adapters.js';
import { freePort } from '../../support/free-port.js';

class Echo extends Marked {
  @WebSocketServer()
  readonly server!: Server;

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }
}

/** A gateway of that port and with those options. */
function gatewayAt(port: number, options: object = {}) {
  @WebSocketGateway(port, options)
  class Gateway extends Echo {}
  return Gateway;
}

/** A gateway with another event than {@link gatewayAt} has. */
function gatewayNamed(event: string, options: object) {
  @WebSocketGateway(options)
  class Other {
    @SubscribeMessage(event)
    handle(): void {}
  }
  return Other;
}

/** How connections to several addresses end. */
function outcomes(gateways: any[], ...paths: string[]) {
  return underBoth({ providers: gateways }, async ({ app, connect }) => {
    const found: string[] = [];
    for (const path of paths) found.push(await outcomeOf(connect(path)));
    await app.close();
    return found;
  });
}

describe('a path', () => {
  it('that no gateway has is answered 404', async () => {
    expect(await outcomes([gatewayAt(0)], '/nowhere')).toEqual({
      WsAdapter: ['ECONNRESET'],
      FanoutAdapter: ['404'],
    });
  });

  it('is the same with a query, and differs in its letters', async () => {
    expect(await outcomes([gatewayAt(0, { path: 'a' })], '/a', '/a?x=1', '/A')).toEqual({
      WsAdapter: ['open', 'open', 'ECONNRESET'],
      FanoutAdapter: ['open', 'open', '404'],
    });
  });

  it('is the same with a slash at its end', async () => {
    expect(await outcomes([gatewayAt(0, { path: '/a' })], '/a/')).toEqual({
      WsAdapter: ['ECONNRESET'],
      FanoutAdapter: ['open'],
    });
  });

  it('may have parameters', async () => {
    expect(await outcomes([gatewayAt(0, { path: '/rooms/:room' })], '/rooms/1')).toEqual({
      WsAdapter: ['ECONNRESET'],
      FanoutAdapter: ['open'],
    });
  });

  it('may not have wildcards', async () => {
    expect(await outcomes([gatewayAt(0, { path: '/*' })], '/a')).toEqual({
      WsAdapter: ['ECONNRESET'],
      FanoutAdapter: ['404'],
    });
  });

  it('is a namespace under neither adapter', async () => {
    const setup = { providers: [gatewayAt(0, { namespace: '/a' })] };
    await expect(start('WsAdapter', setup)).rejects.toThrow('does not support namespaces');
    await expect(start('FanoutAdapter', setup)).rejects.toMatchObject({ code: 'FANOUT_NAMESPACE' });
  });
});

describe('a port of its own', () => {
  it('is open for every path where the gateway names none', async () => {
    const port = await freePort();
    expect(await outcomes([gatewayAt(port)], `ws://127.0.0.1:${port}/any`)).toEqual(same(['open']));
  });

  it('may be shared by gateways of several paths', async () => {
    const port = await freePort();
    const url = `ws://127.0.0.1:${port}`;
    const gateways = [gatewayAt(port, { path: '/a' }), gatewayAt(port, { path: '/b' })];
    expect(await outcomes(gateways, `${url}/a`, `${url}/b`)).toEqual(same(['open', 'open']));
  });

  it('answers HTTP requests with 426', async () => {
    const port = await freePort();
    const seen = await underBoth(
      { providers: [gatewayAt(port, { path: '/a' })] },
      async ({ adapter, app }) => {
        // Under WsAdapter a request to a port with a path is never answered.
        const response =
          adapter === 'WsAdapter'
            ? undefined
            : await fetch(`http://127.0.0.1:${port}/a`).then(({ status }) => status);
        await app.close();
        return response;
      },
    );
    expect(seen.FanoutAdapter).toBe(426);
  });

  it('that is taken stops the start', async () => {
    const taken = createServer();
    onTestFinished(() => void taken.close());
    await new Promise<void>(resolve => taken.listen(0, resolve));
    const setup = { providers: [gatewayAt((taken.address() as AddressInfo).port)] };
    const { lines } = await start('WsAdapter', setup);
    await eventually(() => linesAt('error', lines).length > 0);
    expect(linesAt('error', lines)[0]).toContain('EADDRINUSE');
    await expect(start('FanoutAdapter', setup)).rejects.toMatchObject({ code: 'FANOUT_PORT' });
  });
});

describe('options of ws', () => {
  it.each([
    ['returns false', () => false, '401'],
    [
      'calls back with a status',
      (_: unknown, done: (...answer: unknown[]) => void) => done(false, 403),
      '403',
    ],
    ['returns true', () => true, 'open'],
  ])('are honoured: verifyClient %s', async (_, verifyClient, outcome) => {
    expect(await outcomes([gatewayAt(0, { verifyClient })], '')).toEqual(same([outcome]));
  });

  it('are honoured more strictly: verifyClient with a promise of false', async () => {
    const seen = await outcomes([gatewayAt(0, { verifyClient: async () => false })], '');
    expect(seen).toEqual({ WsAdapter: ['open'], FanoutAdapter: ['401'] });
  });

  it('are honoured: maxPayload', async () => {
    const seen = await underBoth({ providers: [gatewayAt(0, { maxPayload: 50 })] }, async ({ connect }) => {
      const client = await connect();
      client.send({ event: 'echo', data: 'x'.repeat(100) });
      return (await client.closed).code;
    });
    expect(seen).toEqual(same(1009));
  });

  it('are honoured: handleProtocols and perMessageDeflate', async () => {
    const options = { handleProtocols: () => 'b', perMessageDeflate: true };
    const seen = await underBoth({ providers: [gatewayAt(0, options)] }, async ({ url }) => {
      const socket = new WebSocket(url, ['a', 'b']);
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      socket.terminate();
      return [socket.protocol, socket.extensions];
    });
    expect(seen).toEqual(same(['b', 'permessage-deflate']));
  });

  it('have another default: the first subprotocol is still chosen', async () => {
    const seen = await underBoth({ providers: [gatewayAt(0)] }, async ({ url }) => {
      const socket = new WebSocket(url, ['a', 'b']);
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      socket.terminate();
      return socket.protocol;
    });
    expect(seen).toEqual(same('a'));
  });
});

describe('an option of a gateway', () => {
  it.each([
    ['of Socket.IO', 0, { cors: true }, 'FANOUT_GATEWAY_OPTION'],
    ['that has no effect', 0, { noServer: true }, 'FANOUT_GATEWAY_OPTION'],
    ['that is misspelt', 0, { maxpayload: 100 }, 'FANOUT_OPTION_UNKNOWN'],
    ['that is a port as a text', '0', {}, 'FANOUT_GATEWAY_PORT'],
  ])('%s stops the start', async (_, port, options, code) => {
    const setup = { providers: [gatewayAt(port as number, options)] };
    await expect(start('WsAdapter', setup)).resolves.toBeDefined();
    await expect(start('FanoutAdapter', setup)).rejects.toMatchObject({ code });
  });

  it('that limits messages is the lowest of all gateways on the path', async () => {
    const gateways = [gatewayAt(0, { maxPayload: 5000 }), gatewayNamed('small', { maxPayload: 50 })];
    const seen = await underBoth({ providers: gateways }, async ({ connect }) => {
      const client = await connect();
      client.send({ event: 'echo', data: 'x'.repeat(100) });
      await Promise.race([client.closed, client.until(() => client.frames.length > 0)]);
      return client.frames.length > 0 ? 'answered' : (await client.closed).code;
    });
    expect(seen.FanoutAdapter).toBe(1009);
    // Nest makes the server for the gateway it comes to first, which is another one in each major version.
    expect(seen.WsAdapter).toBe(NEST_MAJOR === 11 ? 'answered' : 1009);
  });
});

describe('limits', () => {
  it('close a client whose message is larger than limits.payload', async () => {
    const { WsAdapter, FanoutAdapter } = await underBoth(
      { providers: [gatewayAt(0)] },
      async ({ connect }) => {
        const client = await connect();
        client.send({ event: 'echo', data: 'x'.repeat(70_000) });
        await Promise.race([client.closed, client.until(() => client.frames.length > 0)]);
        return client.frames.length > 0 ? 'answered' : (await client.closed).code;
      },
    );
    expect([WsAdapter, FanoutAdapter]).toEqual(['answered', 1009]);
  });

  it('refuse messages above limits.messagesPerSecond', async () => {
    const seen = await underBoth(
      { providers: [gatewayAt(0)], fanout: { limits: { messagesPerSecond: 1, burst: 3 } } },
      async ({ connect }) => {
        const client = await connect();
        for (let sent = 0; sent < 10; sent++) client.send({ event: 'echo', data: sent });
        await client.until(() => client.frames.length >= 10);
        return new Set(client.frames.map(frame => frame.data.code ?? frame.event));
      },
    );
    expect(seen).toEqual({
      WsAdapter: new Set(['echo']),
      FanoutAdapter: new Set(['echo', 'RATE_LIMITED']),
    });
  });

  it('refuse pages of another origin that send cookies', async () => {
    const headers = { origin: 'http://elsewhere.example', cookie: 'session=1' };
    const seen = await underBoth({ providers: [gatewayAt(0)] }, ({ connect }) =>
      outcomeOf(connect('', { headers })),
    );
    expect(seen).toEqual({ WsAdapter: 'open', FanoutAdapter: '403' });
  });
});

describe('the server of @WebSocketServer()', () => {
  it('is one of the ws package that the application has', async () => {
    const gateway = gatewayAt(0);
    const { get, connect } = await start('FanoutAdapter', { providers: [gateway] });
    await (await connect()).exchange();
    const { server } = get(gateway);
    expect(server).toBeInstanceOf(Server);
    expect([...server.clients]).toEqual([expect.any(WebSocket)]);
  });

  it('has the sockets of its path as its clients', async () => {
    const gateway = gatewayAt(0, { path: '/a' });
    const seen = await underBoth({ providers: [gateway, gatewayAt(0)] }, async ({ get, connect }) => {
      const client = await connect('/a');
      await connect('');
      for (const socket of get(gateway).server.clients) socket.send('"all"');
      await client.until(() => client.frames.length > 0);
      await turns();
      return { frames: client.frames, size: get(gateway).server.clients.size };
    });
    expect(seen).toEqual(same({ frames: ['all'], size: 1 }));
  });

  it('emits headers before the handshake is answered', async () => {
    @WebSocketGateway()
    class Heading extends Echo {
      afterInit(server: Server): void {
        server.on('headers', headers => void headers.push('x-mine: yes'));
      }
    }
    const seen = await underBoth({ providers: [Heading] }, async ({ url }) => {
      const socket = new WebSocket(url);
      const response = await new Promise<any>(resolve => socket.once('upgrade', resolve));
      socket.terminate();
      return response.headers['x-mine'];
    });
    expect(seen).toEqual(same('yes'));
  });
});
