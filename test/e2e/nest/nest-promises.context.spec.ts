import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import * as websockets from '@nestjs/websockets';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FanoutAdapter, Topic } from 'nestjs-fanout';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

/** What enhancers find in their execution context. */
const seen: { handler: Function; args: unknown[]; pattern: string; name: string }[] = [];

beforeEach(() => void (seen.length = 0));

function note(context: ExecutionContext): void {
  seen.push({
    handler: context.getHandler(),
    args: context.getArgs(),
    pattern: context.switchToWs().getPattern(),
    name: context.getClass().name,
  });
}

class Noting implements CanActivate, NestInterceptor {
  canActivate(context: ExecutionContext): boolean {
    note(context);
    return true;
  }

  intercept(context: ExecutionContext, next: CallHandler) {
    note(context);
    return next.handle();
  }
}

@WebSocketGateway()
class ContextGateway {
  constructor() {
    this.bound = this.bound.bind(this);
  }

  @SubscribeMessage('plain')
  @UseGuards(Noting)
  @UseInterceptors(Noting)
  plain(@ConnectedSocket() socket: unknown, ...others: unknown[]) {
    return { event: 'plain', data: [typeof socket, others.length] };
  }

  @SubscribeMessage('bound')
  @UseGuards(Noting)
  bound() {}

  @Topic('topics.:id')
  @UseGuards(Noting)
  topic() {}
}

describe('an execution context', () => {
  it('gives the decorated method, and the arguments that WsAdapter gives', async () => {
    const { url } = await startApp({ providers: [ContextGateway] });
    const client = await Client.connect(url);
    expect((await client.request('plain', 7)).data).toEqual(['object', 0]);
    expect(seen).toHaveLength(2);
    for (const { handler, args, pattern, name } of seen) {
      expect(handler).toBe(ContextGateway.prototype.plain);
      expect(args.slice(1)).toEqual([7, 'plain', 'plain']);
      expect([pattern, name]).toEqual(['plain', 'ContextGateway']);
    }
  });

  it('gives the method of the prototype, also where the constructor has bound it', async () => {
    const { url } = await startApp({ providers: [ContextGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'bound' });
    await client.subscribe('topics.1');
    expect(seen.map(({ handler, pattern }) => [handler, pattern])).toEqual([
      [ContextGateway.prototype.bound, 'bound'],
      [ContextGateway.prototype.topic, 'topics.:id'],
    ]);
  });
});

// Nest 11.0 has no @Ack().
const { Ack } = websockets as { Ack?: () => ParameterDecorator };

describe.skipIf(Ack === undefined)('@Ack()', () => {
  function acknowledging(...decorators: MethodDecorator[]) {
    @WebSocketGateway()
    class AckGateway {
      @SubscribeMessage('order')
      order(@(Ack?.() ?? (() => {})) ack: (value: unknown) => void) {
        ack({ accepted: true });
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(AckGateway.prototype, 'order')!;
    for (const decorate of decorators) decorate(AckGateway.prototype, 'order', descriptor);
    return AckGateway;
  }

  it.each([
    ['alone', acknowledging()],
    ['with a guard', acknowledging(UseGuards(Noting))],
  ])('answers the message, %s', async (_, gateway) => {
    const { url } = await startApp({ providers: [gateway] });
    const client = await Client.connect(url);
    expect(await client.request('order')).toEqual({ event: 'order', id: 1, data: { accepted: true } });
    client.send({ event: 'order' });
    expect(await client.next(({ id }) => id === undefined)).toEqual({
      event: 'order',
      data: { accepted: true },
    });
  });
});

describe('an adapter that overrides what is never called', () => {
  it.each(['bindMessageHandlers', 'bindClientConnect', 'bindClientDisconnect'])(
    'stops the start: %s',
    async binder => {
      class Overriding extends FanoutAdapter {}
      Object.defineProperty(Overriding.prototype, binder, { value() {} });
      const start = startApp({
        providers: [ContextGateway],
        configure: app => void app.useWebSocketAdapter(new Overriding(app)),
      });
      await expect(start).rejects.toMatchObject({
        code: 'FANOUT_BINDERS',
        message: expect.stringContaining(`Overriding overrides ${binder}()`),
      });
    },
  );
});

describe('a global enhancer for HTTP', () => {
  @Injectable()
  class JwtAuthGuard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      return context.switchToHttp().getRequest().headers.authorization !== undefined;
    }
  }

  @Injectable()
  class HeaderInterceptor implements NestInterceptor {
    async intercept(context: ExecutionContext, next: CallHandler) {
      await Promise.resolve();
      context.switchToHttp().getResponse().setHeader('x', 'y');
      return next.handle();
    }
  }

  it.each([
    ['guard JwtAuthGuard', { provide: APP_GUARD, useClass: JwtAuthGuard }],
    ['interceptor HeaderInterceptor', { provide: APP_INTERCEPTOR, useClass: HeaderInterceptor }],
  ])('keeps messages closed, and one line names it: the %s', async (name, provider) => {
    const warn = vi.fn();
    const { url } = await startApp({
      providers: [ContextGateway, provider],
      nest: { logger: { warn, log() {}, error() {} } },
    });
    const client = await Client.connect(url);
    for (let i = 0; i < 3; i++) {
      expect((await client.request('plain')).data.code).toBe('INTERNAL');
      expect((await client.subscribe('topics.1')).data.code).toBe('INTERNAL');
    }
    const lines = warn.mock.calls.map(([line]) => String(line)).filter(line => line.includes(name));
    expect(lines).toEqual([
      expect.stringMatching(/failed on a WebSocket message.* TypeError: .*context\.getType\(\) is 'ws'/),
    ]);
  });
});
