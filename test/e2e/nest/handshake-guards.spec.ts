import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  HttpException,
  Injectable,
  Logger,
  type LoggerService,
  Module,
  SetMetadata,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import {
  CLOSE,
  type Connection,
  Connections,
  CurrentConnection,
  FanoutModule,
  UseHandshakeGuards,
} from 'nestjs-fanout';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { delay, of } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type RunningApp, startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { upgrade, upgradeRequest } from '../../support/upgrade.js';

type Request = IncomingMessage & Record<string, any>;
type Response = ServerResponse & Record<string, any>;

/** A guard that does what the test says. */
@Injectable()
class Doorkeeper implements CanActivate {
  static decide: (request: Request, response: Response, context: ExecutionContext) => any;

  canActivate(context: ExecutionContext): any {
    const http = context.switchToHttp();
    return Doorkeeper.decide(http.getRequest(), http.getResponse(), context);
  }
}

@Injectable()
class Members {
  readonly names = ['ada'];
}

@WebSocketGateway({ path: '/door' })
@UseHandshakeGuards(Doorkeeper)
class DoorGateway {
  @SubscribeMessage('who')
  who(@CurrentConnection() { user }: Connection) {
    return { event: 'who', data: user ?? null };
  }
}

function door(decide: typeof Doorkeeper.decide, options = {}): Promise<RunningApp> {
  Doorkeeper.decide = decide;
  return startApp({ providers: [DoorGateway], options });
}

const refused = async (url: string): Promise<unknown> => {
  const { status, body } = await upgrade(`${url}/door`);
  return { status, body: JSON.parse(body) as unknown };
};

describe('A handshake guard', () => {
  it('is asked with the request, a response and the gateway, over HTTP', async () => {
    const seen: any = {};
    const { url } = await door((request, response, context) => {
      Object.assign(seen, {
        type: context.getType(),
        host: context.getClass(),
        handler: typeof context.getHandler(),
        args: context.getArgs().length,
        query: request.query.room,
        repeated: request.query.x,
        params: { ...request.params },
        ip: request.ip,
        url: request.url,
        originalUrl: request.originalUrl,
        cookie: request.cookies.session,
        agent: request.headers['user-agent'],
        response: typeof response.setHeader,
      });
      return true;
    });
    await Client.connect(`${url}/door?room=a%20b&x=1&x=2`, [], {
      headers: { 'user-agent': 'test', cookie: 'a=1; session="s%20%21"; session=no' },
    });
    expect(seen).toEqual({
      type: 'http',
      host: DoorGateway,
      handler: 'function',
      args: 3,
      query: 'a b',
      repeated: ['1', '2'],
      params: {},
      ip: '127.0.0.1',
      url: '/door?room=a%20b&x=1&x=2',
      originalUrl: '/door?room=a%20b&x=1&x=2',
      cookie: 's !',
      agent: 'test',
      response: 'function',
    });
  });

  it.each([
    ['true', () => true],
    ['a promise', async () => true],
    ['an Observable', () => of(false, true).pipe(delay(1))],
  ])('lets in with %s, and its user is that of the connection', async (_, decide) => {
    const { url, get } = await door(request => {
      request.user = { id: 7 };
      return decide();
    });
    const client = await Client.connect(`${url}/door`);
    expect(await client.request('who')).toMatchObject({ data: { id: 7 } });
    expect([...get(Connections).ofUser(7)]).toHaveLength(1);
  });

  it.each([
    ['false', () => false, 403, { statusCode: 403, message: 'Forbidden' }],
    ['a promise of it', async () => false, 403, { statusCode: 403, message: 'Forbidden' }],
    ['an Observable of it', () => of(true, false), 403, { statusCode: 403, message: 'Forbidden' }],
    [
      'a WsException',
      () => thrown(new WsException('secret')),
      403,
      { statusCode: 403, message: 'Forbidden' },
    ],
    [
      'an HttpException',
      () => thrown(new ForbiddenException('members only')),
      403,
      { statusCode: 403, message: 'members only', error: 'Forbidden' },
    ],
    [
      'an HttpException with a body',
      () => Promise.reject(new HttpException({ plan: 'free', seats: 0 }, 402)),
      402,
      { plan: 'free', seats: 0 },
    ],
    [
      'an HttpException with a text',
      () => thrown(new HttpException('tea', 418)),
      418,
      { statusCode: 418, message: 'tea' },
    ],
    [
      'an HttpException with more than 1 KiB',
      () => thrown(new UnauthorizedException('x'.repeat(2000))),
      401,
      { statusCode: 401, message: 'Unauthorized' },
    ],
    [
      'an HttpException with a status that is none',
      () => thrown(new HttpException('switching', 101)),
      500,
      { statusCode: 500, message: 'Internal Server Error' },
    ],
    [
      'any other exception',
      () => thrown(new Error('database password is 1234')),
      500,
      { statusCode: 500, message: 'Internal Server Error' },
    ],
    ['nothing', () => undefined, 403, { statusCode: 403, message: 'Forbidden' }],
  ])('refuses with %s', async (_, decide, status, body) => {
    const { url, get } = await door(decide);
    expect(await refused(url)).toEqual({ status, body });
    expect(get(Connections).size).toBe(0);
  });

  it('refuses with the status and the headers that it has set', async () => {
    const { url } = await door((_, response) => {
      response.status(401).header('WWW-Authenticate', 'Bearer realm="a"').set({ 'X-Reason': 'none' });
      response.setHeader('Connection', 'Upgrade');
      return false;
    });
    const { status, headers, body } = await upgrade(`${url}/door`);
    expect({ status, body: JSON.parse(body) }).toEqual({
      status: 401,
      body: { statusCode: 401, message: 'Unauthorized' },
    });
    expect(headers).toMatchObject({ 'www-authenticate': 'Bearer realm="a"', 'x-reason': 'none' });
    expect(headers.connection).toBe('close');
  });

  it('refuses with the response that it has ended, though it never comes to an end itself', async () => {
    const { url } = await door((_, response) => {
      response.writeHead(302, { Location: 'https://example.com/login' });
      response.end('elsewhere');
      return new Promise(() => {});
    });
    expect(await upgrade(`${url}/door`)).toMatchObject({
      status: 302,
      body: 'elsewhere',
      headers: { location: 'https://example.com/login' },
    });
  });

  it('does not let in by ending the response', async () => {
    const { url } = await door((_, response) => {
      response.json({ ok: true });
      return true;
    });
    expect(await upgrade(`${url}/door`)).toMatchObject({ status: 403, body: '{"ok":true}' });
  });

  it.each([
    [() => false, CLOSE.FORBIDDEN],
    [() => thrown(new UnauthorizedException()), CLOSE.UNAUTHORIZED],
    [() => thrown(new HttpException('slow down', 429)), CLOSE.RATE_LIMITED],
    [() => thrown(new HttpException('later', 503)), CLOSE.BUSY],
    [() => thrown(new HttpException('pay', 402)), CLOSE.FORBIDDEN],
    [() => thrown(new Error('bug')), CLOSE.HOOK_FAILED],
  ])('refuses who offers the subprotocol by a close code (%#)', async (decide, { code, reason }) => {
    const { url } = await door(decide);
    const client = await Client.connect(`${url}/door`, ['fanout.v1.json']);
    const closed = await client.closed;
    expect(closed.code).toBe(code);
    expect(closed.reason).toContain(reason);
  });

  it('that fails is logged, but not as often as somebody likes', async () => {
    const logged: unknown[] = [];
    const spy = { log() {}, warn() {}, error: (error: unknown) => logged.push(error) } as LoggerService;
    Logger.overrideLogger(spy);
    onTestFinished(() => Logger.overrideLogger(false));
    const bug = new Error('bug');
    const { url } = await door(() => thrown(bug));
    Logger.overrideLogger(spy);
    for (let i = 0; i < 5; i++) await upgrade(`${url}/door`);
    expect(logged).toEqual([bug, bug, bug]);
  });

  it('that leaves a user whose id cannot be read has failed', async () => {
    const user = {
      get id(): string {
        throw new Error('not loaded');
      },
    };
    const { url } = await door(request => (request.user = user), { limits: { connectionsPerUser: 1 } });
    expect((await upgrade(`${url}/door`)).status).toBe(500);
  });

  it('that hangs is given limits.handshake', async () => {
    const { url } = await door(() => new Promise(() => {}), { limits: { handshake: 30 } });
    expect(await upgrade(`${url}/door`)).toMatchObject({ status: 503 });
  });

  it('may be left by its client, who is not let in for that', async () => {
    const decisions: ((passed: boolean) => void)[] = [];
    const { url, get } = await door(() => new Promise<boolean>(resolve => decisions.push(resolve)));
    const asking = upgradeRequest(`${url}/door`);
    asking.on('error', () => {});
    await eventually(() => decisions.length === 1);
    asking.socket!.destroy();
    const next = Client.connect(`${url}/door`);
    await eventually(() => decisions.length === 2);
    for (const decide of decisions) decide(true);
    await next;
    expect(get(Connections).size).toBe(1);
  });

  it('is no guard of messages, and those are none of the handshake', async () => {
    let messages = 0;
    let handshakes = 0;
    @WebSocketGateway({ path: '/door' })
    @UseHandshakeGuards({ canActivate: () => ++handshakes > 0 })
    @UseGuards({ canActivate: () => ++messages > 0 })
    class MessageGateway {
      @SubscribeMessage('who')
      who() {
        return { event: 'who' };
      }
    }
    const { url } = await startApp({
      providers: [MessageGateway],
      configure: app => app.useGlobalGuards({ canActivate: () => false }),
    });
    const client = await Client.connect(`${url}/door`);
    await client.request('who');
    expect([handshakes, messages]).toEqual([1, 0]);
  });
});

describe('The handshake guards of a path', () => {
  it('all have to let in, in their order', async () => {
    const asked: string[] = [];
    const guard = (name: string, passes = true): CanActivate => ({
      canActivate: () => {
        asked.push(name);
        return passes;
      },
    });
    @WebSocketGateway({ path: '/door' })
    @UseHandshakeGuards(guard('a'), guard('b'))
    class FirstGateway {}
    @WebSocketGateway({ path: '/door' })
    class OpenGateway {}
    @WebSocketGateway({ path: '/door' })
    @UseHandshakeGuards(guard('c', false), guard('d'))
    class LastGateway {}
    const { url } = await startApp({ providers: [FirstGateway, OpenGateway, LastGateway] });
    expect(await upgrade(`${url}/door`)).toMatchObject({ status: 403 });
    expect(asked).toEqual(['a', 'b', 'c']);
  });

  it('are not asked any more when one of them has answered', async () => {
    let asked = 0;
    @WebSocketGateway({ path: '/door' })
    @UseHandshakeGuards(
      { canActivate: context => Boolean(context.switchToHttp().getResponse().status(429).end()) },
      { canActivate: () => ++asked > 0 },
    )
    class EndedGateway {}
    const { url } = await startApp({ providers: [EndedGateway] });
    const { status, body, headers } = await upgrade(`${url}/door`);
    expect([status, body, asked]).toEqual([429, '', 0]);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  });

  it('of a base class run first', async () => {
    const asked: string[] = [];
    @UseHandshakeGuards({ canActivate: () => asked.push('base') > 0 })
    class BaseGateway {}
    @WebSocketGateway({ path: '/door' })
    @UseHandshakeGuards({ canActivate: () => asked.push('own') > 0 })
    class OwnGateway extends BaseGateway {}
    @WebSocketGateway({ path: '/heir' })
    class HeirGateway extends BaseGateway {}
    const { url } = await startApp({ providers: [OwnGateway, HeirGateway] });
    await Client.connect(`${url}/door`);
    await Client.connect(`${url}/heir`);
    expect(asked).toEqual(['base', 'own', 'base']);
  });

  it('are not asked on another path', async () => {
    @WebSocketGateway({ path: '/open' })
    class OpenGateway {}
    Doorkeeper.decide = () => false;
    const { url } = await startApp({ providers: [DoorGateway, OpenGateway] });
    await Client.connect(`${url}/open`);
  });
});

describe('Nest', () => {
  @Injectable()
  class MembersGuard implements CanActivate {
    static built = 0;

    constructor(
      private readonly members: Members,
      private readonly reflector: Reflector,
    ) {
      MembersGuard.built++;
    }

    canActivate(context: ExecutionContext): boolean {
      const role = this.reflector.get<string>('role', context.getClass());
      const { query } = context.switchToHttp().getRequest();
      return role === 'member' && this.members.names.includes(query.name);
    }
  }

  @WebSocketGateway({ path: '/club' })
  @SetMetadata('role', 'member')
  @UseHandshakeGuards(MembersGuard)
  class ClubGateway {}

  @Module({ providers: [ClubGateway, Members] })
  class ClubModule {}

  it('builds a guard once, in the module of the gateway', async () => {
    MembersGuard.built = 0;
    const { url } = await startApp({ imports: [ClubModule] });
    expect(await upgrade(`${url}/club?name=bob`)).toMatchObject({ status: 403 });
    for (let i = 0; i < 2; i++) await Client.connect(`${url}/club?name=ada`);
    expect(MembersGuard.built).toBe(1);
  });

  it('puts another one in its place for overrideGuard()', async () => {
    const testing = await Test.createTestingModule({ imports: [FanoutModule.forRoot(), ClubModule] })
      .overrideGuard(MembersGuard)
      .useValue({ canActivate: () => true })
      .compile();
    const app = testing.createNestApplication({ logger: false });
    onTestFinished(() => app.close());
    await app.listen(0, '127.0.0.1');
    await Client.connect(`${await app.getUrl().then(url => url.replace('http', 'ws'))}/club?name=bob`);
  });
});

function thrown(error: unknown): never {
  throw error;
}
