import {
  type CallHandler,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  Scope,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { Ack, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import {
  isFirstOfMajor,
  Marked,
  NEST_MAJOR,
  same,
  type Setup,
  start,
  underBoth,
} from '../../support/both-adapters.js';

/** What a guard can learn of the message. */
class Recording {
  static seen: Record<string, unknown> = {};

  canActivate(context: ExecutionContext): boolean {
    const ws = context.switchToWs();
    const handler = context.getHandler();
    Recording.seen = {
      type: context.getType(),
      class: context.getClass(),
      handler,
      roles: Reflect.getMetadata('roles', handler),
      data: ws.getData(),
      pattern: ws.getPattern(),
      isSocket: typeof ws.getClient<WebSocket>().terminate === 'function',
      args: context.getArgs(),
    };
    return true;
  }
}

class Wrapping {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map(value => ({ event: 'wrapped', data: value })));
  }
}

class Adding {
  constructor(readonly suffix: string) {}

  transform(value: unknown): unknown {
    return typeof value === 'string' ? value + this.suffix : value;
  }
}

const Pattern = createParamDecorator((_: unknown, context: ExecutionContext) =>
  [context.getType(), context.switchToWs().getPattern(), context.getHandler().name].join(' '),
);

@WebSocketGateway()
class Contexts extends Marked {
  @UseGuards(Recording)
  @SetMetadata('roles', 'admin')
  @SubscribeMessage('guarded')
  guarded() {
    return { event: 'guarded' };
  }

  @UseInterceptors(Wrapping)
  @SubscribeMessage('wrapped')
  wrapped() {
    return 1;
  }

  @UsePipes(new Adding(' method'))
  @SubscribeMessage('piped')
  piped(@MessageBody(new Adding(' parameter')) text: string) {
    return { event: 'piped', data: text };
  }

  @SubscribeMessage('custom')
  custom(@Pattern() pattern: string) {
    return { event: 'custom', data: pattern };
  }

  @SubscribeMessage('ack')
  ack(@Ack() ack: ((value: unknown) => void) | undefined, @MessageBody() data: unknown) {
    if (ack === undefined) return 'no function';
    ack(data);
    return undefined;
  }

  @SubscribeMessage('plain')
  plain(...args: unknown[]) {
    return { event: 'plain', data: [typeof args[1], typeof args[2]] };
  }
}

/** Frames that come for one message to {@link Contexts}. */
function framesFor(event: string, data?: unknown) {
  return underBoth({ providers: [Contexts] }, async ({ connect }) =>
    (await connect()).exchange({ event, data }),
  );
}

describe('an execution context', () => {
  it('has the type, class, data, pattern and client of the message', async () => {
    const seen = await underBoth({ providers: [Contexts] }, async ({ connect }) => {
      await (await connect()).exchange({ event: 'guarded', data: { a: 1 } });
      const { type, class: metatype, data, pattern, isSocket } = Recording.seen;
      return { type, class: metatype, data, pattern, isSocket };
    });
    expect(seen).toEqual(
      same({ type: 'ws', class: Contexts, data: { a: 1 }, pattern: 'guarded', isSocket: true }),
    );
  });

  it('has the method itself as its handler, with its metadata', async () => {
    const seen = await underBoth({ providers: [Contexts] }, async ({ connect }) => {
      await (await connect()).exchange({ event: 'guarded' });
      const { handler, roles } = Recording.seen;
      return { isMethod: handler === Contexts.prototype.guarded, roles };
    });
    expect(seen).toEqual(same({ isMethod: true, roles: 'admin' }));
  });

  it('has the client, the data and the pattern as its arguments', async () => {
    const seen = await underBoth({ providers: [Contexts] }, async ({ connect }) => {
      await (await connect()).exchange({ event: 'guarded', data: 1 });
      const [client, ...others] = Recording.seen.args as unknown[];
      return { isSocket: typeof (client as WebSocket).terminate, others };
    });
    expect(seen.FanoutAdapter).toEqual({ isSocket: 'function', others: [1, 'guarded', 'guarded'] });
    const more = NEST_MAJOR === 11 || isFirstOfMajor ? ['guarded'] : [];
    expect(seen.WsAdapter.others).toEqual([...seen.FanoutAdapter.others, ...more]);
  });

  it('is given to parameter decorators', async () => {
    expect(await framesFor('custom')).toEqual(same([{ event: 'custom', data: 'ws custom custom' }]));
  });
});

describe('enhancers of a method', () => {
  it('are interceptors, which see one result', async () => {
    expect(await framesFor('wrapped')).toEqual(same([{ event: 'wrapped', data: 1 }]));
  });

  it('are pipes, of the method before those of the parameter', async () => {
    expect(await framesFor('piped', 'x')).toEqual(same([{ event: 'piped', data: 'x method parameter' }]));
  });
});

describe('@Ack()', () => {
  it('gives a function that answers the message', async () => {
    const seen = await underBoth({ providers: [Contexts] }, async ({ connect }) =>
      (await connect()).exchange({ event: 'ack', id: 7, data: 'done' }),
    );
    expect(seen).toEqual({
      WsAdapter: ['no function'],
      FanoutAdapter: [{ event: 'ack', id: 7, data: 'done' }],
    });
  });

  it('is not among the parameters of a method that decorates none', async () => {
    expect(await framesFor('plain', 1)).toEqual(same([{ event: 'plain', data: ['number', 'undefined'] }]));
  });
});

const asked: string[] = [];

@Injectable()
class GlobalGuard {
  canActivate(): boolean {
    asked.push('guard');
    return true;
  }
}

@Injectable()
class GlobalPipe {
  transform(value: unknown): unknown {
    asked.push('pipe');
    return value;
  }
}

@Injectable()
class GlobalInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    asked.push('interceptor');
    return next.handle();
  }
}

@Injectable()
class GlobalFilter {
  catch(): void {
    asked.push('filter');
  }
}

@WebSocketGateway()
class Guarded extends Marked {
  @SubscribeMessage('take')
  take(@MessageBody() data: unknown) {
    if (data === 'fail') throw new Error('fail');
    return { event: 'took' };
  }
}

function globals(scope: Scope): Setup {
  return {
    providers: [
      Guarded,
      { provide: APP_GUARD, useClass: GlobalGuard, scope },
      { provide: APP_PIPE, useClass: GlobalPipe, scope },
      { provide: APP_INTERCEPTOR, useClass: GlobalInterceptor, scope },
      { provide: APP_FILTER, useClass: GlobalFilter, scope },
    ],
  };
}

/** What was asked about one message. */
function askedFor(setup: Setup, data: unknown = 1) {
  return underBoth(setup, async ({ connect }) => {
    const client = await connect();
    asked.length = 0;
    client.send({ event: 'take', data });
    await client.until(() => asked.length >= 0 && client.frames.length > 0);
    return [...asked];
  });
}

describe('global enhancers', () => {
  it('guard, pipe and intercept messages', async () => {
    const both = ['guard', 'interceptor', 'pipe'];
    expect(await askedFor(globals(Scope.DEFAULT))).toEqual({
      WsAdapter: NEST_MAJOR === 11 ? [] : both,
      FanoutAdapter: both,
    });
  });

  it('that are request-scoped or transient are asked too', async () => {
    for (const scope of [Scope.REQUEST, Scope.TRANSIENT]) {
      const { WsAdapter, FanoutAdapter } = await askedFor(globals(scope));
      expect(WsAdapter).toEqual([]);
      expect(FanoutAdapter).toEqual(['guard', 'interceptor', 'pipe']);
    }
  });

  it('catch nothing: filters of the application are for HTTP', async () => {
    const { app, connect } = await start('FanoutAdapter', globals(Scope.DEFAULT));
    const client = await connect();
    asked.length = 0;
    client.send({ event: 'take', data: 'fail' });
    await client.until(() => client.frames.length > 0);
    expect(asked).not.toContain('filter');
    await app.close();
  });
});
