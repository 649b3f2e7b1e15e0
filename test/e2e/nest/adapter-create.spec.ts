import { type CanActivate, type Type } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FanoutAdapter, UseHandshakeGuards } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocketServer } from 'ws';
import { WebSocketServer as BareServer } from 'ws';
import { type RunningApp, startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';
import { freePort } from '../../support/free-port.js';

/** Lets in who says so in the query. */
class Query implements CanActivate {
  canActivate(context: { switchToHttp(): { getRequest(): { url: string } } }): boolean {
    return context.switchToHttp().getRequest().url.endsWith('?in');
  }
}

@WebSocketGateway({ path: '/chat' })
@UseHandshakeGuards(new Query())
class Chat {
  @SubscribeMessage('who')
  who(): unknown {
    return 'chat';
  }
}

@WebSocketGateway({ path: '/talk' })
class Talk {
  @SubscribeMessage('talk')
  talk(): unknown {
    return 'talk';
  }
}

type Options = Parameters<FanoutAdapter['create']>[1];

const startWith = (Adapter: typeof FanoutAdapter, ...providers: Type[]): Promise<RunningApp> =>
  startApp({ providers, configure: app => void app.useWebSocketAdapter(new Adapter(app)) });

const statusOf = async (url: string): Promise<number> => (await (await RawUpgrade.to(url)).answered).status;

const expectChatAt = async (url: string): Promise<void> => {
  expect(await statusOf(url)).toBe(403);
  const client = await Client.connect(`${url}?in`);
  expect((await client.request('who')).data).toBe('chat');
};

describe('an adapter whose create() changes the place', () => {
  it('has guards and handlers on the new port', async () => {
    const port = await freePort();
    class Moved extends FanoutAdapter {
      override create(_: number, options?: Options): WebSocketServer {
        return super.create(port, options);
      }
    }
    await startWith(Moved, Chat);
    await expectChatAt(`ws://127.0.0.1:${port}/chat`);
  });

  it('has them on the new path, and nothing on the old one', async () => {
    class Moved extends FanoutAdapter {
      override create(port: number, options?: Options): WebSocketServer {
        return super.create(port, { ...options, path: `/v1${options?.path}` });
      }
    }
    const { url } = await startWith(Moved, Chat, Talk);
    await expectChatAt(`${url}/v1/chat`);
    expect(await statusOf(`${url}/chat?in`)).toBe(404);
    const client = await Client.connect(`${url}/v1/talk`);
    expect((await client.request('talk')).data).toBe('talk');
  });

  it('has them when create() is a property', async () => {
    class Moved extends FanoutAdapter {
      override create = (port: number, options?: Options): WebSocketServer =>
        super.create(port, { ...options, path: '/moved' });
    }
    const { url } = await startWith(Moved, Chat);
    await expectChatAt(`${url}/moved`);
  });

  it('has the guards of all gateways that it puts on one path', async () => {
    class Joined extends FanoutAdapter {
      override create(port: number, options?: Options): WebSocketServer {
        return super.create(port, { ...options, path: '/one' });
      }
    }
    const { url } = await startWith(Joined, Talk, Chat);
    await expectChatAt(`${url}/one`);
    expect((await (await Client.connect(`${url}/one?in`)).request('talk')).data).toBe('talk');
  });

  it('may be a subclass of a subclass', async () => {
    class First extends FanoutAdapter {
      override create(port: number, options?: Options): WebSocketServer {
        return super.create(port, { ...options, path: '/deep' });
      }
    }
    class Second extends First {
      override create(port: number, options?: Options): WebSocketServer {
        return super.create(port, options);
      }
    }
    const { url } = await startWith(Second, Chat);
    await expectChatAt(`${url}/deep`);
  });

  it('may put its own verifyClient and limits in place of those of the gateway', async () => {
    @WebSocketGateway({ path: '/limited', maxPayload: 1000, verifyClient: () => false })
    class Limited {
      @SubscribeMessage('x')
      x() {}
    }
    class Own extends FanoutAdapter {
      override create(port: number, options?: Options): WebSocketServer {
        return super.create(port, { ...options, maxPayload: 100, verifyClient: () => true });
      }
    }
    const { url } = await startWith(Own, Limited);
    const client = await Client.connect(`${url}/limited`);
    client.send({ event: 'x', data: 'x'.repeat(100) });
    expect((await client.closed).code).toBe(1009);
  });

  it('cannot leave out the verifyClient of a gateway', async () => {
    @WebSocketGateway({ path: '/verified', verifyClient: () => false })
    class Verified {}
    class Forgets extends FanoutAdapter {
      override create(port: number, options?: Options): WebSocketServer {
        return super.create(port, { path: options!.path! });
      }
    }
    const { url } = await startWith(Forgets, Verified);
    expect(await statusOf(`${url}/verified`)).toBe(401);
  });
});

describe('an adapter whose create() does not fit', () => {
  const another = (): WebSocketServer => new BareServer({ noServer: true });

  it.each<[string, (port: number, options: Options, made: () => WebSocketServer) => unknown]>([
    ['another server', another],
    ['a promise', async (_port, _options, made) => made()],
    ['nothing', () => undefined],
    ['a wrapper', (_port, _options, made) => Object.create(made())],
  ])('is a start error when it returns %s', async (_, answer) => {
    class Wrong extends FanoutAdapter {
      override create(port: number, options?: Options): WebSocketServer {
        return answer(port, options, () => super.create(port, options)) as WebSocketServer;
      }
    }
    await expect(startWith(Wrong, Chat)).rejects.toMatchObject({
      code: 'FANOUT_ADAPTER_CREATE',
      message: expect.stringMatching(/Wrong.*Chat/),
    });
  });

  it('is a start error when it makes an endpoint that serves no gateway', async () => {
    class Twice extends FanoutAdapter {
      override create(port: number, options?: Options): WebSocketServer {
        super.create(port, { ...options, path: '/alias' });
        return super.create(port, options);
      }
    }
    await expect(startWith(Twice, Chat)).rejects.toMatchObject({
      code: 'FANOUT_ADAPTER_CREATE',
      message: expect.stringContaining('{/alias}'),
    });
  });

  it('is a start error when it passes an option that does not exist', async () => {
    class Misspelt extends FanoutAdapter {
      override create(port: number, options?: Options): WebSocketServer {
        return super.create(port, { ...options, maxpayload: 100 } as Options);
      }
    }
    await expect(startWith(Misspelt, Chat)).rejects.toMatchObject({
      code: 'FANOUT_OPTION_UNKNOWN',
      message: expect.stringContaining('create() of Misspelt'),
    });
  });

  it('may make a server twice', async () => {
    class Again extends FanoutAdapter {
      override create(port: number, options?: Options): WebSocketServer {
        super.create(port, options);
        return super.create(port, options);
      }
    }
    const { url } = await startWith(Again, Chat);
    await expectChatAt(`${url}/chat`);
  });
});
