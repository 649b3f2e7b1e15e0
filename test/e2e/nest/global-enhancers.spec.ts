import {
  type ArgumentMetadata,
  type CallHandler,
  type CanActivate,
  ClassSerializerInterceptor,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  Scope,
  SetMetadata,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, REQUEST, Reflector } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type Connection, CurrentConnection, Topic, UseHandshakeGuards } from 'nestjs-fanout';
import { Exclude } from 'class-transformer';
import type { IncomingMessage } from 'node:http';
import { concatMap, defer, of, tap, throwError, timer } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { upgrade } from '../../support/upgrade.js';

const HANDSHAKE = { globalEnhancers: 'handshake' } as const;

/** What was asked, in turn. */
const calls: string[] = [];

beforeEach(() => {
  calls.length = 0;
});

/** As applications write it: the token of the request decides, unless the class says that it is public. */
@Injectable()
class JwtAuthGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    calls.push(`jwt:${context.getType()}:${context.getClass().name}`);
    if (this.reflector.getAllAndOverride('public', [context.getHandler(), context.getClass()])) return true;
    const request = context.switchToHttp().getRequest();
    const [scheme, token] = request.headers.authorization?.split(' ') ?? [];
    if (scheme !== 'Bearer' || token === 'bad') throw new UnauthorizedException();
    request.user = { id: token };
    return true;
  }
}

@Injectable()
class OwnGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    calls.push(`own:${context.switchToHttp().getRequest().user?.id}`);
    return true;
  }
}

@Injectable()
class MethodGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    calls.push(`method:${context.getType()}`);
    return true;
  }
}

@WebSocketGateway({ path: '/plain' })
class PlainGateway {
  @SubscribeMessage('who')
  @UseGuards(MethodGuard)
  who(@CurrentConnection() { user }: Connection) {
    return { event: 'who', data: user };
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @Topic('clock')
  clock() {
    return 'now';
  }
}

@WebSocketGateway({ path: '/guarded' })
@UseHandshakeGuards(OwnGuard)
class GuardedGateway {}

@WebSocketGateway({ path: '/plain' })
@SetMetadata('public', true)
class PublicGateway {}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const connect = (url: string, token: string): Promise<Client> =>
  Client.connect(url, [], { headers: bearer(token) });
const guard = { provide: APP_GUARD, useClass: JwtAuthGuard };

describe("A global guard with globalEnhancers: 'handshake'", () => {
  it('decides about the upgrade on a path without handshake guards, over HTTP', async () => {
    const { url } = await startApp({ providers: [PlainGateway, guard], options: HANDSHAKE });
    expect(await upgrade(`${url}/plain`)).toMatchObject({ status: 401 });
    expect(await upgrade(`${url}/plain`, bearer('bad'))).toMatchObject({ status: 401 });
    expect(await upgrade(`${url}/plain`, bearer('ada'))).toMatchObject({ status: 101 });
    expect(calls).toEqual(Array(3).fill('jwt:http:PlainGateway'));
  });

  it('leaves messages and subscribes to the guards of class and method', async () => {
    const { url } = await startApp({ providers: [PlainGateway, guard], options: HANDSHAKE });
    const client = await connect(`${url}/plain`, 'ada');
    expect(await client.request('who')).toMatchObject({ event: 'who', data: { id: 'ada' } });
    expect((await client.subscribe('clock')).data).toMatchObject({ snapshot: 'now' });
    expect(calls).toEqual(['jwt:http:PlainGateway', 'method:ws']);
  });

  it('is asked before the handshake guards of the gateway, which see what it has found out', async () => {
    const { url } = await startApp({ providers: [GuardedGateway, guard], options: HANDSHAKE });
    await connect(`${url}/guarded`, 'ada');
    expect(calls).toEqual(['jwt:http:GuardedGateway', 'own:ada']);
    expect(await upgrade(`${url}/guarded`)).toMatchObject({ status: 401 });
    expect(calls).toHaveLength(3);
  });

  it('is asked about each gateway of a path, so that a public one opens it for none of the others', async () => {
    const { url } = await startApp({ providers: [PublicGateway, PlainGateway, guard], options: HANDSHAKE });
    expect(await upgrade(`${url}/plain`)).toMatchObject({ status: 401 });
    expect(calls).toEqual(['jwt:http:PublicGateway', 'jwt:http:PlainGateway']);
  });

  it('is asked again when a client renews its credentials', async () => {
    const { url } = await startApp({ providers: [PlainGateway, guard], options: HANDSHAKE });
    const client = await connect(`${url}/plain`, 'ada');
    expect(await client.request('refresh', { token: 'ada' })).toMatchObject({ event: 'refreshed' });
    expect(await client.request('refresh', { token: 'bad' })).toMatchObject({
      data: { code: 'UNAUTHORIZED' },
    });
    expect(calls).toEqual(Array(3).fill('jwt:http:PlainGateway'));
  });

  it('is asked when it was added by useGlobalGuards()', async () => {
    const { url } = await startApp({
      providers: [PlainGateway],
      options: HANDSHAKE,
      configure: app => app.useGlobalGuards(new JwtAuthGuard(app.get(Reflector))),
    });
    expect(await upgrade(`${url}/plain`)).toMatchObject({ status: 401 });
    expect(await upgrade(`${url}/plain`, bearer('ada'))).toMatchObject({ status: 101 });
  });

  it.each([
    ['request', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])('of %s scope is built for each upgrade and asked', async (_, scope) => {
    let built = 0;
    @Injectable({ scope })
    class ScopedGuard implements CanActivate {
      readonly number = ++built;

      canActivate(context: ExecutionContext): boolean {
        calls.push(`scoped ${this.number}`);
        return context.switchToHttp().getRequest().headers['x-pass'] === 'yes';
      }
    }
    const { url } = await startApp({
      providers: [PlainGateway, { provide: APP_GUARD, useClass: ScopedGuard, scope }],
      options: HANDSHAKE,
    });
    built = 0;
    expect(await upgrade(`${url}/plain`)).toMatchObject({ status: 403 });
    expect(await upgrade(`${url}/plain`, { 'x-pass': 'yes' })).toMatchObject({ status: 101 });
    expect(calls).toEqual(['scoped 1', 'scoped 2']);
  });

  it('of request scope has the upgrade request injected', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class TenantGuard implements CanActivate {
      constructor(@Inject(REQUEST) private readonly request: IncomingMessage) {}

      canActivate(): boolean {
        return this.request.headers['x-tenant'] === 'a';
      }
    }
    const { url } = await startApp({
      providers: [PlainGateway, { provide: APP_GUARD, useClass: TenantGuard, scope: Scope.REQUEST }],
      options: HANDSHAKE,
    });
    expect(await upgrade(`${url}/plain`, { 'x-tenant': 'b' })).toMatchObject({ status: 403 });
    expect(await upgrade(`${url}/plain`, { 'x-tenant': 'a' })).toMatchObject({ status: 101 });
  });

  it('that throws lets nobody in', async () => {
    const broken = { canActivate: () => Promise.reject(new TypeError('broken')) };
    const { url } = await startApp({
      providers: [PlainGateway],
      options: HANDSHAKE,
      configure: app => app.useGlobalGuards(broken),
    });
    expect(await upgrade(`${url}/plain`)).toMatchObject({ status: 500 });
  });

  it('is not asked about the upgrade without the option', async () => {
    const { url } = await startApp({ providers: [PlainGateway, guard] });
    expect(await upgrade(`${url}/plain`)).toMatchObject({ status: 101 });
    const client = await Client.connect(`${url}/plain`);
    expect(await client.request('echo', 1)).toMatchObject({ event: 'error' });
    expect(calls).toEqual(['jwt:ws:PlainGateway']);
  });
});

@Injectable()
class Noting implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    calls.push(`before:${context.getType()}`);
    return next.handle().pipe(tap({ complete: () => calls.push('after') }));
  }
}

describe("A global interceptor with globalEnhancers: 'handshake'", () => {
  it('runs once around the upgrade, behind all guards, and not around messages', async () => {
    const { url } = await startApp({
      providers: [GuardedGateway, PlainGateway, guard, { provide: APP_INTERCEPTOR, useClass: Noting }],
      options: HANDSHAKE,
    });
    await connect(`${url}/guarded`, 'ada');
    expect(calls).toEqual(['jwt:http:GuardedGateway', 'own:ada', 'before:http', 'after']);
    const client = await connect(`${url}/plain`, 'ada');
    calls.length = 0;
    expect(await client.request('echo', 1)).toMatchObject({ data: 1 });
    expect(calls).toEqual([]);
    expect(await upgrade(`${url}/plain`)).toMatchObject({ status: 401 });
    expect(calls).toEqual(['jwt:http:PlainGateway']);
  });

  it('of request scope is built for each upgrade', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Scoped extends Noting {
      constructor(@Inject(REQUEST) request: IncomingMessage) {
        super();
        calls.push(`built for ${request.headers['x-name']}`);
      }
    }
    const { url } = await startApp({
      providers: [PlainGateway, { provide: APP_INTERCEPTOR, useClass: Scoped, scope: Scope.REQUEST }],
      options: HANDSHAKE,
    });
    expect(await upgrade(`${url}/plain`, { 'x-name': 'a' })).toMatchObject({ status: 101 });
    expect(calls).toEqual(['built for a', 'before:http', 'after']);
  });

  it.each<[string, (next: CallHandler) => any]>([
    [
      'throws at once',
      () => {
        throw new UnauthorizedException();
      },
    ],
    [
      'rejects',
      async () => {
        throw new UnauthorizedException();
      },
    ],
    [
      'fails later',
      next => next.handle().pipe(concatMap(() => throwError(() => new UnauthorizedException()))),
    ],
    [
      'throws for another reason',
      () =>
        defer(() => {
          throw new UnauthorizedException();
        }),
    ],
  ])('that %s refuses the client', async (_, intercept) => {
    const { url } = await startApp({
      providers: [PlainGateway],
      options: HANDSHAKE,
      configure: app => app.useGlobalInterceptors({ intercept: (__, next) => intercept(next) }),
    });
    expect(await upgrade(`${url}/plain`)).toMatchObject({ status: 401 });
  });

  it("may take its time, and what it makes of the value is nobody's", async () => {
    const { url } = await startApp({
      providers: [PlainGateway],
      options: HANDSHAKE,
      configure: app =>
        app.useGlobalInterceptors({
          intercept: () =>
            of(1, 2).pipe(concatMap(value => timer(1).pipe(tap(() => calls.push(`${value}`))))),
        }),
    });
    expect(await upgrade(`${url}/plain`)).toMatchObject({ status: 101 });
    expect(calls).toEqual(['1', '2']);
  });
});

describe("A global serializer with globalEnhancers: 'handshake'", () => {
  it.each([Scope.DEFAULT, Scope.REQUEST])(
    'hides fields of replies and snapshots as ever, in scope %s',
    async scope => {
      class User {
        readonly name = 'Ann';
        @Exclude()
        readonly password = 'secret';
      }
      @WebSocketGateway({ path: '/users' })
      class UserGateway {
        @SubscribeMessage('user')
        user() {
          return new User();
        }

        @Topic('user')
        topic() {
          return new User();
        }
      }
      const { url } = await startApp({
        providers: [UserGateway, { provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor, scope }],
        options: HANDSHAKE,
      });
      const client = await Client.connect(`${url}/users`);
      expect((await client.request('user')).data).toEqual({ name: 'Ann' });
      expect((await client.subscribe('user')).data.snapshot).toEqual({ name: 'Ann' });
    },
  );
});

describe("A global pipe with globalEnhancers: 'handshake'", () => {
  it('applies to messages as ever', async () => {
    class Doubling implements PipeTransform {
      transform(value: unknown, { type }: ArgumentMetadata): unknown {
        return type === 'body' && typeof value === 'number' ? value * 2 : value;
      }
    }
    const { url } = await startApp({
      providers: [PlainGateway],
      options: HANDSHAKE,
      configure: app => app.useGlobalPipes(new Doubling()),
    });
    const client = await Client.connect(`${url}/plain`);
    expect(await client.request('echo', 4)).toMatchObject({ data: 8 });
  });
});
