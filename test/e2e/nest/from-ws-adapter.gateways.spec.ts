import { Controller, Inject, Injectable, Module, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FanoutAdapter } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import {
  type AdapterName,
  Marked,
  NEST_MAJOR,
  outcomeOf,
  same,
  type Setup,
  start,
  underBoth,
} from '../../support/both-adapters.js';
import { freePort } from '../../support/free-port.js';

@WebSocketGateway()
class Echo extends Marked {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }
}

/** Frames that come for messages to an application. */
function framesFor(setup: Setup, ...messages: unknown[]) {
  return underBoth(setup, async ({ connect }) => (await connect()).exchange(...messages));
}

/** The code of the error that an application does not start with, or its text where it has none. */
async function startErrorOf(adapter: AdapterName, setup: Setup): Promise<string> {
  const { code, message } = await start(adapter, setup).then(
    () => ({ code: undefined, message: 'it started' }),
    error => error,
  );
  return code ?? message;
}

describe('two gateways on one path', () => {
  it('serve the same client', async () => {
    @WebSocketGateway()
    class Other {
      @SubscribeMessage('other')
      other() {
        return { event: 'other' };
      }
    }
    const seen = await framesFor(
      { providers: [Echo, Other] },
      { event: 'echo', data: 1 },
      { event: 'other' },
    );
    for (const frames of Object.values(seen))
      expect(frames.map(({ event }) => event).sort()).toEqual(['echo', 'other']);
  });

  it('may not handle the same event', async () => {
    @WebSocketGateway()
    class Second {
      @SubscribeMessage('echo')
      echo() {
        return { event: 'second' };
      }
    }
    const setup = { providers: [Echo, Second] };
    const { connect } = await start('WsAdapter', setup);
    const frames = await (await connect()).exchange({ event: 'echo', data: 1 });
    expect(frames.map(({ event }) => event).sort()).toEqual(['echo', 'second']);
    expect(await startErrorOf('FanoutAdapter', setup)).toBe('FANOUT_EVENT_DUPLICATE');
  });
});

it('one gateway may not have two handlers of one event', async () => {
  @WebSocketGateway()
  class Twice extends Marked {
    @SubscribeMessage('event')
    first() {
      return { event: 'first' };
    }

    @SubscribeMessage('event')
    second() {
      return { event: 'second' };
    }
  }
  const { connect } = await start('WsAdapter', { providers: [Twice] });
  expect(await (await connect()).exchange({ event: 'event' })).toEqual([{ event: 'second' }]);
  expect(await startErrorOf('FanoutAdapter', { providers: [Twice] })).toBe('FANOUT_EVENT_DUPLICATE');
});

it('one gateway may not have an event that is no text', async () => {
  @WebSocketGateway()
  class Numbered extends Marked {
    @SubscribeMessage(5 as never)
    five() {
      return { event: 'five' };
    }
  }
  const { connect } = await start('WsAdapter', { providers: [Numbered] });
  expect(await (await connect()).exchange({ event: 5 })).toEqual([{ event: 'five' }]);
  expect(await startErrorOf('FanoutAdapter', { providers: [Numbered] })).toBe('FANOUT_EVENT_NAME');
});

it('one gateway may not be a provider of two modules', async () => {
  @Module({ providers: [Echo] })
  class One {}
  @Module({ providers: [Echo] })
  class Two {}
  const setup = { imports: [One, Two] };
  const { connect } = await start('WsAdapter', setup);
  expect(await (await connect()).exchange({ event: 'echo' })).toHaveLength(2);
  expect(await startErrorOf('FanoutAdapter', setup)).toBe('FANOUT_EVENT_DUPLICATE');
});

describe('a class of gateways', () => {
  it('inherits handlers, and an override without a decorator is none', async () => {
    class Base {
      @SubscribeMessage('inherited')
      inherited() {
        return { event: 'inherited' };
      }

      @SubscribeMessage('overridden')
      overridden() {
        return { event: 'base' };
      }
    }
    @WebSocketGateway()
    class Child extends Base {
      override overridden() {
        return { event: 'child' };
      }
    }
    const seen = await underBoth({ providers: [Child, Echo] }, async ({ connect }) =>
      (await connect()).exchange({ event: 'inherited' }, { event: 'overridden' }),
    );
    expect(seen.WsAdapter).toEqual([{ event: 'inherited' }]);
    expect(seen.FanoutAdapter).toEqual([
      { event: 'inherited' },
      expect.objectContaining({ data: expect.objectContaining({ code: 'UNKNOWN_EVENT' }) }),
    ]);
  });

  it('may have another provider token', async () => {
    const setup = { providers: [{ provide: 'gateway', useClass: Echo }] };
    expect(await framesFor(setup, { event: 'echo', data: 1 })).toEqual(same([{ event: 'echo', data: 1 }]));
  });

  it.each([
    ['factory', { provide: 'gateway', useFactory: () => new Echo() }],
    ['value', { provide: 'gateway', useValue: new Echo() }],
  ])('may not be made by a %s', async (_, provider) => {
    const setup = { providers: [provider] };
    const { connect } = await start('WsAdapter', setup);
    expect(await outcomeOf(connect())).toBe('404');
    expect(await startErrorOf('FanoutAdapter', setup)).toBe('FANOUT_GATEWAY_PROVIDER');
  });

  it('is no gateway as a controller', async () => {
    @Controller()
    @WebSocketGateway()
    class Listed {
      @SubscribeMessage('listed')
      listed() {
        return { event: 'listed' };
      }
    }
    const setup = { providers: [Echo], controllers: [Listed] };
    const seen = await framesFor(setup, { event: 'listed' });
    expect(seen.WsAdapter).toEqual([]);
    expect(seen.FanoutAdapter.map(frame => frame.data?.code)).toEqual(['UNKNOWN_EVENT']);
  });
});

describe('an adapter of the application', () => {
  it('may change what create() was given', async () => {
    const port = await freePort();
    class MyWsAdapter extends WsAdapter {
      override create(_: number, options: any): any {
        return super.create(port, { ...options, path: '/moved' });
      }
    }
    class MyFanoutAdapter extends FanoutAdapter {
      override create(_: number, options: any) {
        return super.create(port, { ...options, path: '/moved' });
      }
    }
    const seen = await underBoth(
      {
        providers: [Echo],
        configure: (app, name) =>
          app.useWebSocketAdapter(name === 'WsAdapter' ? new MyWsAdapter(app) : new MyFanoutAdapter(app)),
      },
      async ({ app, connect }) => {
        const frames = await (
          await connect(`ws://127.0.0.1:${port}/moved`)
        ).exchange({ event: 'echo', data: 1 });
        await app.close();
        return frames;
      },
    );
    expect(seen).toEqual(same([{ event: 'echo', data: 1 }]));
  });

  it.each(['bindClientConnect', 'bindClientDisconnect', 'bindMessageHandlers'] as const)(
    'may not override %s()',
    async binder => {
      const bound: unknown[] = [];
      const setup: Setup = {
        providers: [Echo],
        configure(app, name) {
          class MyWsAdapter extends WsAdapter {}
          class MyFanoutAdapter extends FanoutAdapter {}
          const adapter: any = name === 'WsAdapter' ? new MyWsAdapter(app) : new MyFanoutAdapter(app);
          const { prototype } = adapter.constructor;
          const original = prototype[binder];
          prototype[binder] = function (...args: unknown[]) {
            bound.push(binder);
            return original.apply(this, args);
          };
          app.useWebSocketAdapter(adapter);
        },
      };
      const { connect } = await start('WsAdapter', setup);
      await (await connect()).exchange();
      expect(bound).toEqual([binder]);
      expect(await startErrorOf('FanoutAdapter', setup)).toBe('FANOUT_BINDERS');
    },
  );

  it('that is not a FanoutAdapter is refused', async () => {
    const setup: Setup = {
      providers: [Echo],
      configure: app => app.useWebSocketAdapter(new WsAdapter(app)),
    };
    expect(await startErrorOf('FanoutAdapter', setup)).toBe('FANOUT_ADAPTER');
  });
});

describe('a request-scoped gateway', () => {
  @Injectable({ scope: Scope.REQUEST })
  class State {
    constructor(@Inject(REQUEST) readonly client: WebSocket) {}
  }

  @WebSocketGateway()
  class Scoped extends Marked {
    static made = 0;
    readonly number = ++Scoped.made;

    constructor(@Inject(State) readonly state: State) {
      super();
    }

    @SubscribeMessage('who')
    who(@ConnectedSocket() client: WebSocket) {
      return { event: 'who', data: { number: this.number, isClient: this.state.client === client } };
    }
  }

  it('has one instance for each connection, and @Inject(REQUEST) is the socket', async () => {
    const seenUnder = async (adapter: AdapterName) => {
      const { connect } = await start(adapter, { providers: [Scoped, State] });
      const [one, other] = [await connect(), await connect()];
      const answers = [
        ...(await one.exchange({ event: 'who' }, { event: 'who' })),
        ...(await other.exchange({ event: 'who' })),
      ].map(frame => frame.data);
      return {
        isClient: answers.map(({ isClient }) => isClient),
        instances: new Set(answers.map(({ number }) => number)).size,
      };
    };
    const expected = { isClient: [true, true, true], instances: 2 };
    expect(await seenUnder('FanoutAdapter')).toEqual(expected);
    // Nest 11 calls the methods without the dependencies of the gateway.
    if (NEST_MAJOR > 11) expect(await seenUnder('WsAdapter')).toEqual(expected);
  });
});
