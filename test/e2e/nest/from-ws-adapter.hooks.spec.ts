import type { IncomingMessage } from 'node:http';
import {
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket, WebSocketServer as Server } from 'ws';
import { eventually } from '../../support/client.js';
import {
  linesAt,
  Marked,
  NEST_MAJOR,
  same,
  start,
  turns,
  underBoth,
  uncaught,
} from '../../support/both-adapters.js';

const told: string[] = [];

beforeEach(() => void (told.length = 0));

/** What was told since the last time. */
function taken(): string[] {
  return told.splice(0);
}

@WebSocketGateway()
class First extends Marked implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect {
  @WebSocketServer()
  readonly server!: Server;

  afterInit(server: Server): void {
    told.push(`first afterInit ${server === this.server}`);
  }

  onModuleInit(): void {
    told.push('first onModuleInit');
  }

  handleConnection(_: WebSocket, request: IncomingMessage): void {
    told.push(`first connected ${request.url}`);
  }

  handleDisconnect(_: WebSocket, ...reason: unknown[]): void {
    told.push(`first disconnected ${JSON.stringify(reason)}`);
  }
}

@WebSocketGateway()
class Second implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect {
  afterInit(): void {
    told.push('second afterInit');
  }

  async handleConnection(): Promise<void> {
    told.push('second connected');
    await turns(5);
    told.push('second is ready');
  }

  handleDisconnect(): void {
    told.push('second disconnected');
  }

  @SubscribeMessage('message')
  message() {
    told.push('message');
    return { event: 'answer' };
  }
}

const setup = { providers: [First, Second] };

describe('afterInit()', () => {
  it('is given the server of @WebSocketServer() before onModuleInit()', async () => {
    const seen = await underBoth(setup, async () => taken().filter(line => line.startsWith('first')));
    expect(seen).toEqual(same(['first afterInit true', 'first onModuleInit']));
  });

  it('is called in the order of Nest', async () => {
    const { WsAdapter, FanoutAdapter } = await underBoth(setup, async () =>
      taken().filter(line => line.includes('afterInit')),
    );
    expect(FanoutAdapter).toEqual(WsAdapter);
  });
});

describe('handleConnection()', () => {
  it('gets the socket and the request', async () => {
    const seen = await underBoth(setup, async ({ connect }) => {
      await (await connect('/?token=1')).exchange();
      return taken().find(line => line.startsWith('first connected'));
    });
    expect(seen).toEqual(same('first connected /?token=1'));
  });

  it('of several gateways is called in the order of their modules', async () => {
    const { WsAdapter, FanoutAdapter } = await underBoth(setup, async ({ connect }) => {
      await (await connect()).exchange();
      return taken()
        .filter(line => line.includes(' connected'))
        .map(line => line.split(' ', 1)[0]);
    });
    expect(WsAdapter).toEqual(NEST_MAJOR === 11 ? ['first', 'second'] : ['second', 'first']);
    expect(FanoutAdapter).toEqual(['first', 'second']);
  });

  it('of every gateway has settled before the first message is handled', async () => {
    const order = ['second is ready', 'message'];
    const seen = await underBoth(setup, async ({ connect }) => {
      await (await connect()).exchange({ event: 'message' });
      return taken().filter(line => order.includes(line));
    });
    expect(seen).toEqual({ WsAdapter: order.toReversed(), FanoutAdapter: order });
  });

  it.each(['throws', 'rejects'])('that %s closes its connection, and the process goes on', async how => {
    @WebSocketGateway()
    class Refusing extends Marked {
      handleConnection(): unknown {
        if (how === 'rejects') return Promise.reject(new WsException('refused'));
        throw new WsException('refused');
      }
    }
    const ending = uncaught();
    const seen = await underBoth({ providers: [Refusing] }, async ({ adapter, connect, lines }) => {
      const client = await connect();
      if (adapter === 'WsAdapter') {
        await client.exchange();
        await eventually(() => ending.length > 0);
        return { ended: ending.splice(0), closed: undefined, logged: linesAt('error', lines) };
      }
      const { code } = await client.closed;
      return { ended: ending.splice(0), closed: code, logged: linesAt('error', lines) };
    });
    expect(seen).toEqual({
      WsAdapter: { ended: ['Error: refused'], closed: undefined, logged: [] },
      FanoutAdapter: { ended: [], closed: 1011, logged: ['Error: refused'] },
    });
  });

  it('that closes the socket itself has no message handled', async () => {
    @WebSocketGateway()
    class Closing {
      handleConnection(client: WebSocket): void {
        client.close(4400, 'no');
      }

      @SubscribeMessage('message')
      message(): void {
        told.push('message');
      }
    }
    const seen = await underBoth({ providers: [Closing] }, async ({ connect }) => {
      const client = await connect();
      client.send({ event: 'message' });
      const closed = await client.closed;
      await turns();
      return { closed, told: taken() };
    });
    expect(seen).toEqual(same({ closed: { code: 4400, reason: 'no' }, told: [] }));
  });
});

describe('handleDisconnect()', () => {
  it('is given the code and the reason', async () => {
    const seen = await underBoth(setup, async ({ connect }) => {
      const client = await connect();
      await client.exchange();
      taken();
      client.socket.close(4321, 'bye');
      await eventually(() => told.length === 2);
      return taken().find(line => line.startsWith('first disconnected'));
    });
    expect(seen).toEqual({
      WsAdapter: `first disconnected ${NEST_MAJOR === 11 ? '[]' : '[4321]'}`,
      FanoutAdapter: 'first disconnected [{"code":4321,"reason":"bye"}]',
    });
  });

  it('that throws is logged, and the process goes on', async () => {
    @WebSocketGateway()
    class Failing extends Marked {
      handleDisconnect(): void {
        throw new Error('in the hook');
      }
    }
    const ending = uncaught();
    const seen = await underBoth({ providers: [Failing] }, async ({ connect, lines }) => {
      const client = await connect();
      await client.exchange();
      await client.close();
      await eventually(() => ending.length + linesAt('error', lines).length > 0);
      return { ended: ending.splice(0), logged: linesAt('error', lines) };
    });
    expect(seen).toEqual({
      WsAdapter: { ended: ['Error: in the hook'], logged: [] },
      FanoutAdapter: { ended: [], logged: ['Error: in the hook'] },
    });
  });
});

describe('listeners of the application', () => {
  it('for connections that throw keep no client from being served', async () => {
    @WebSocketGateway()
    class Throwing extends Marked {
      afterInit(server: Server): void {
        server.on('connection', () => {
          throw new Error('in the listener');
        });
      }

      handleConnection(): void {
        told.push('hook');
      }
    }
    const { connect, lines } = await start('FanoutAdapter', { providers: [Throwing] });
    await (await connect()).exchange();
    expect(taken()).toEqual(['hook']);
    expect(linesAt('error', lines)).toEqual(['Error: in the listener']);
  });

  @WebSocketGateway()
  class Listening extends Marked {
    afterInit(server: Server): void {
      server.on('connection', (client, request) => {
        told.push(`server ${request.url}`);
        Object.assign(client, { seenBy: 'server' });
      });
    }

    handleConnection(client: WebSocket & { seenBy?: string }): void {
      told.push(`hook, seen by ${client.seenBy}`);
      client.on('message', data => void told.push(`raw ${String(data)}`));
      client.on('error', error => void told.push((error as NodeJS.ErrnoException).code!));
    }

    @SubscribeMessage('note')
    note() {
      told.push('handled');
      return { event: 'noted' };
    }
  }

  it("on the server's connection event come before handleConnection()", async () => {
    const seen = await underBoth({ providers: [Listening] }, async ({ connect }) => {
      await (await connect('/?a')).exchange();
      return taken().slice(0, 2);
    });
    expect(seen).toEqual(same(['server /?a', 'hook, seen by server']));
  });

  it('on the socket get each message as it came', async () => {
    const seen = await underBoth({ providers: [Listening] }, async ({ connect }) => {
      const client = await connect();
      await client.exchange();
      taken();
      await client.exchange({ event: 'note' }, 'not json');
      return taken().toSorted();
    });
    const raw = ['raw not json', 'raw {"event":"marker"}', 'raw {"event":"note"}'];
    expect(seen).toEqual(same(['handled', ...raw].toSorted()));
  });

  it('on the socket get its errors', async () => {
    const seen = await underBoth({ providers: [Listening] }, async ({ connect, lines }) => {
      const client = await connect();
      await client.exchange();
      taken();
      (client.socket as any)._socket.write(Buffer.from([0xff, 0xff]));
      const { code } = await client.closed;
      return { code, codes: taken(), errors: linesAt('error', lines), warnings: linesAt('warn', lines) };
    });
    const codes = ['WS_ERR_UNEXPECTED_RSV_2_3'];
    expect(seen).toEqual({
      WsAdapter: { code: 1002, codes, errors: [expect.stringContaining('RSV2')], warnings: [] },
      FanoutAdapter: {
        code: 1002,
        codes,
        errors: [],
        warnings: [expect.stringContaining('frame that breaks the WebSocket protocol')],
      },
    });
  });
});
