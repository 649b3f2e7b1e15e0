import 'reflect-metadata';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { ExternalContextCreator } from '@nestjs/core/helpers/external-context-creator.js';
import { InterceptorsConsumer } from '@nestjs/core/interceptors/interceptors-consumer.js';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Publish, Topic, UseHandshakeGuards } from 'nestjs-fanout';
import { map } from 'rxjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type AppSetup, startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

@Injectable()
class Deny implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class Redact implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map(value => ({ ...(value as object), secret: undefined })));
  }
}

@Injectable()
class Upper implements PipeTransform {
  transform(value: unknown): unknown {
    return typeof value === 'string' ? value.toUpperCase() : value;
  }
}

/** Replaces the function and copies nothing, as many home-made decorators do. */
const Replace = (): MethodDecorator => (_target, _name, descriptor: PropertyDescriptor) => {
  const method = descriptor.value as (...args: unknown[]) => unknown;
  descriptor.value = function (this: unknown, ...args: unknown[]) {
    return method.apply(this, args);
  };
};

/** Replaces the function and takes its metadata along. */
const Wrap = (): MethodDecorator => (_target, _name, descriptor: PropertyDescriptor) => {
  const method = descriptor.value as (...args: unknown[]) => unknown;
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    return method.apply(this, args);
  };
  for (const key of Reflect.getMetadataKeys(method))
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), wrapper);
  descriptor.value = wrapper;
};

async function connected(setup: AppSetup): Promise<Client> {
  const { url } = await startApp(setup);
  return Client.connect(url);
}

/** The codes that an event `x` and a topic `t` are answered with; undefined is a success. */
async function codes(...providers: Provider[]): Promise<unknown[]> {
  const client = await connected({ providers });
  return [(await client.request('x')).data?.code, (await client.subscribe('t')).data?.code];
}

function failure(setup: AppSetup): Promise<{ code: string; message: string }> {
  return startApp(setup).then(
    () => Promise.reject(new Error('it started')),
    error => error,
  );
}

describe('a method that the constructor binds or wraps', () => {
  it('keeps its guards', async () => {
    @WebSocketGateway()
    class Bound {
      constructor() {
        this.x = this.x.bind(this);
        this.t = this.t.bind(this);
      }

      @UseGuards(Deny)
      @SubscribeMessage('x')
      x() {}

      @UseGuards(Deny)
      @Topic('t')
      t() {}
    }
    expect(await codes(Bound)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });

  it('keeps interceptors, pipes, parameters and filters, and runs the function of the instance', async () => {
    class Answer {
      catch(_: unknown, host: any): void {
        host.switchToWs().getClient().send('"filtered"');
      }
    }
    @WebSocketGateway()
    class Bound {
      readonly name = 'instance';

      constructor() {
        const { x } = this;
        this.x = value => ({ ...x.call(this, value), by: this.name });
        this.fails = this.fails.bind(this);
      }

      @UseInterceptors(Redact)
      @UsePipes(Upper)
      @SubscribeMessage('x')
      x(@MessageBody() value: string): object {
        return { event: 'x', data: value, secret: 'SECRET' };
      }

      @UseFilters(Answer)
      @SubscribeMessage('fails')
      fails(): void {
        throw new Error('SECRET');
      }
    }
    const client = await connected({ providers: [Bound] });
    expect(await client.request('x', 'a')).toEqual({ event: 'x', id: 1, data: 'A', by: 'instance' });
    client.send({ event: 'fails' });
    expect(await client.next(frame => frame === 'filtered')).toBe('filtered');
  });

  it('keeps the guards in a request-scoped gateway', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Dependency {}
    @WebSocketGateway()
    class Scoped {
      constructor(readonly dependency: Dependency) {
        this.x = this.x.bind(this);
        this.t = this.t.bind(this);
      }

      @UseGuards(Deny)
      @SubscribeMessage('x')
      x() {}

      @UseGuards(Deny)
      @Topic('t')
      t() {}
    }
    expect(await codes(Scoped, Dependency)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });

  it('may have guards of its own on top', async () => {
    @WebSocketGateway()
    class Own {
      constructor() {
        const x = (): string => 'SECRET';
        UseGuards(new Deny())(this, 'x', { value: x });
        this.x = x;
      }

      @SubscribeMessage('x')
      x(): unknown {
        return undefined;
      }

      @Topic('t')
      t() {}
    }
    expect((await codes(Own))[0]).toBe('FORBIDDEN');
  });
});

describe('a method that a subclass overrides', () => {
  class Base {
    @UseGuards(Deny)
    @SubscribeMessage('x')
    x(): unknown {
      return 'SECRET';
    }

    @UseGuards(Deny)
    @Topic('t')
    t(): unknown {
      return 'SECRET';
    }
  }

  it('is inherited with its guards when it is not overridden', async () => {
    @WebSocketGateway()
    class Child extends Base {}
    expect(await codes(Child)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });

  it('is not served without a decorator of its own, and the log says so', async () => {
    @WebSocketGateway()
    class Child extends Base {
      override x() {
        return super.x();
      }

      override t() {
        return super.t();
      }
    }
    const warn = vi.fn();
    const { url } = await startApp({ providers: [Child], nest: { logger: { warn, log() {}, error() {} } } });
    const client = await Client.connect(url);
    expect((await client.request('x')).data.code).toBe('UNKNOWN_EVENT');
    expect((await client.subscribe('t')).data.code).toBe('UNKNOWN_TOPIC');
    const lines = warn.mock.calls.map(([line]) => String(line)).filter(line => line.includes('Child.'));
    expect(lines).toEqual([
      expect.stringContaining("Child.t overrides a method with @Topic('t')"),
      expect.stringContaining("Child.x overrides a method with @SubscribeMessage('x')"),
    ]);
  });

  it('is asked the guards that the subclass writes', async () => {
    @WebSocketGateway()
    class Child extends Base {
      @SubscribeMessage('x')
      override x() {
        return { event: 'x', data: 1 };
      }

      @Topic('t')
      @UseGuards(Deny)
      override t() {}
    }
    expect(await codes(Child)).toEqual([undefined, 'FORBIDDEN']);
  });
});

describe('a method whose function is replaced', () => {
  it('stops the start when the guards are below the decorator that replaces it', async () => {
    @WebSocketGateway()
    class Replaced {
      @Replace()
      @UseGuards(Deny)
      @Topic('t')
      t() {}
    }
    expect(await failure({ providers: [Replaced] })).toMatchObject({
      code: 'FANOUT_ROUTE_REPLACED',
      message: expect.stringContaining('Replaced.t has @Topic("t")'),
    });
  });

  it('stops the start when the guards are between two such decorators', async () => {
    @WebSocketGateway()
    class Replaced {
      @Wrap()
      @Replace()
      @UseGuards(Deny)
      @Wrap()
      @Topic('t')
      t() {}
    }
    expect(await failure({ providers: [Replaced] })).toMatchObject({ code: 'FANOUT_ROUTE_REPLACED' });
  });

  it('stops the start when a tool wraps the prototype', async () => {
    @WebSocketGateway()
    class Instrumented {
      @UseGuards(Deny)
      @Topic('t')
      t() {}
    }
    const { t } = Instrumented.prototype;
    Instrumented.prototype.t = () => t();
    expect(await failure({ providers: [Instrumented] })).toMatchObject({ code: 'FANOUT_ROUTE_REPLACED' });
  });

  it('keeps the guards when the metadata is copied', async () => {
    @WebSocketGateway()
    class Wrapped {
      @Wrap()
      @UseGuards(Deny)
      @SubscribeMessage('x')
      x() {}

      @UseGuards(Deny)
      @Wrap()
      @Publish('elsewhere')
      @Topic('t')
      t() {}
    }
    expect(await codes(Wrapped)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });

  it('keeps the guards above the decorator', async () => {
    @WebSocketGateway()
    class Above {
      @UseGuards(Deny)
      @SubscribeMessage('x')
      @Replace()
      x() {}

      @UseGuards(Deny)
      @Topic('t')
      @Replace()
      t() {}
    }
    expect(await codes(Above)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });
});

describe('@Topic', () => {
  it.each([
    ['a static method', () => Topic('t')(class {}, 's', { value() {} })],
    ['an accessor', () => Topic('t')({}, 'a', { get: () => 1 })],
    ['a property', () => Topic('t')({}, 'p', undefined as never)],
    ['a method named by a symbol', () => Topic('t')({}, Symbol('s'), { value() {} })],
  ])('refuses %s', (_, decorate) => {
    expect(decorate).toThrow(expect.objectContaining({ code: 'FANOUT_TOPIC_METHOD' }));
  });
});

describe('a gateway under another provider', () => {
  @WebSocketGateway()
  @UseGuards(Deny)
  class ClassGuarded {
    @SubscribeMessage('x')
    x() {
      return 'SECRET';
    }

    @Topic('t')
    t() {
      return 'SECRET';
    }
  }

  @WebSocketGateway()
  class MethodGuarded {
    @UseGuards(Deny)
    @SubscribeMessage('x')
    x() {}

    @UseInterceptors(Redact)
    @UseGuards(Deny)
    @Topic('t')
    t(@MessageBody(Upper) body: unknown) {
      return body;
    }
  }

  it.each([ClassGuarded, MethodGuarded])('keeps its guards or stops the start: %s', async gateway => {
    for (const provide of ['g', Symbol('g'), gateway]) {
      const outcome = await codes({ provide, useClass: gateway }).catch(
        (error: { code: string }) => error.code,
      );
      // Versions of Nest that do not build the guards of such a provider cannot serve it.
      if (outcome !== 'FANOUT_PROTECTION') expect(outcome).toEqual(['FORBIDDEN', 'FORBIDDEN']);
    }
  });

  it.each([
    ['a factory', { useFactory: () => new ClassGuarded() }],
    ['an asynchronous factory', { useFactory: async () => new ClassGuarded() }],
    ['a value', { useValue: new ClassGuarded() }],
  ])('stops the start when it comes from %s', async (_, source) => {
    expect(await failure({ providers: [{ provide: 'g', ...source }] })).toMatchObject({
      code: 'FANOUT_GATEWAY_PROVIDER',
      message: expect.stringContaining('Gateway ClassGuarded is provided as "g"'),
    });
  });

  it('stops the start when the hidden gateway shares a path with an open one', async () => {
    @WebSocketGateway()
    class Open {
      @SubscribeMessage('x')
      x() {}
    }
    @WebSocketGateway()
    @UseHandshakeGuards(Deny)
    class Hidden {}
    const providers = [Open, { provide: 'hidden', useFactory: () => new Hidden() }];
    expect(await failure({ providers })).toMatchObject({ code: 'FANOUT_GATEWAY_PROVIDER' });
  });

  it('may have a second name', async () => {
    const providers = [ClassGuarded, { provide: 'alias', useExisting: ClassGuarded }];
    expect(await codes(...providers)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });

  it('is not served as a controller, and the log says so', async () => {
    @Controller()
    @WebSocketGateway()
    class Listed {
      @SubscribeMessage('x')
      x() {}
    }
    const warn = vi.fn();
    const { url } = await startApp({
      controllers: [Listed],
      nest: { logger: { warn, log() {}, error() {} } },
    });
    await expect(Client.connect(url)).rejects.toThrow();
    expect(warn.mock.calls.map(([line]) => line)).toContainEqual(
      expect.stringContaining('Gateway Listed is listed in the controllers'),
    );
  });
});

describe('a global enhancer of a scope of its own', () => {
  @WebSocketGateway()
  class Plain {
    @SubscribeMessage('x')
    x(@MessageBody() value: unknown) {
      return { event: 'x', data: value, secret: 'SECRET' };
    }

    @Topic('t')
    t() {}
  }

  it.each([Scope.REQUEST, Scope.TRANSIENT])('guards each message of a static gateway: %s', async scope => {
    @Injectable({ scope })
    class Once implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return context.switchToWs().getData() === 'let me in';
      }
    }
    const client = await connected({ providers: [Plain, { provide: APP_GUARD, useClass: Once }] });
    expect((await client.request('x', 'let me in')).data).toBe('let me in');
    expect((await client.request('x')).data.code).toBe('FORBIDDEN');
    expect((await client.subscribe('t')).data.code).toBe('FORBIDDEN');
  });

  it.each([Scope.REQUEST, Scope.TRANSIENT])('pipes and intercepts each message: %s', async scope => {
    @Injectable({ scope })
    class ScopedUpper extends Upper {}
    @Injectable({ scope })
    class ScopedRedact extends Redact {}
    const client = await connected({
      providers: [
        Plain,
        { provide: APP_PIPE, useClass: ScopedUpper },
        { provide: APP_INTERCEPTOR, useClass: ScopedRedact },
      ],
    });
    expect(await client.request('x', 'a')).toEqual({ event: 'x', id: 1, data: 'A' });
  });
});

describe('a global enhancer that is none', () => {
  @WebSocketGateway()
  class Plain {
    @SubscribeMessage('x')
    x() {}
  }

  it.each([
    ['guard', APP_GUARD],
    ['pipe', APP_PIPE],
    ['interceptor', APP_INTERCEPTOR],
  ])('stops the start: a factory of a %s without a result', async (noun, provide) => {
    const providers = [Plain, { provide, useFactory: () => undefined }];
    expect(await failure({ providers })).toMatchObject({
      code: 'FANOUT_PROTECTION',
      message: expect.stringContaining(`a global ${noun} is undefined`),
    });
  });
});

describe('at start', () => {
  @WebSocketGateway()
  class Guarded {
    @UseGuards(Deny)
    @SubscribeMessage('x')
    x() {}

    @UseGuards(Deny)
    @Topic('t')
    t() {}
  }

  it.each(['createGuardsFn', 'createPipesFn', 'transformToResult', 'getMetadata'])(
    'no private method of Nest is needed to ask a guard: %s',
    async name => {
      const prototype = ExternalContextCreator.prototype as unknown as Record<string, unknown>;
      const method = prototype[name];
      prototype[name] = undefined;
      onTestFinished(() => void (prototype[name] = method));
      expect(await codes(Guarded)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
    },
  );

  it('a Nest that asks no interceptor is refused', async () => {
    const intercept = vi
      .spyOn(InterceptorsConsumer.prototype, 'intercept')
      .mockImplementation(async (_, __, ___, ____, next) => next());
    onTestFinished(() => intercept.mockRestore());
    expect(await failure({ providers: [Guarded] })).toMatchObject({
      code: 'FANOUT_CANARY',
      message: expect.stringContaining('does not ask the interceptor'),
    });
  });

  it.each([
    ['guard', UseGuards as never],
    ['interceptor', UseInterceptors as never],
    ['pipe', UsePipes as never],
  ])('an enhancer that Nest built as something else is refused: %s', async (noun, use: any) => {
    @Injectable()
    class Odd {
      canActivate: unknown;
      intercept: unknown;
      transform: unknown;
    }
    @WebSocketGateway()
    class Oddly {
      @use(Odd)
      @SubscribeMessage('x')
      x() {}
    }
    // Later versions of Nest refuse it by themselves.
    const error = await failure({ providers: [Oddly] });
    expect(error.message).toMatch(new RegExp(`Oddly\\.x|Odd`));
    if (error.code !== undefined) expect(error).toMatchObject({ code: 'FANOUT_PROTECTION' });
    expect(error.message).toContain(noun);
  });
});
