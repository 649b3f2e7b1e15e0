import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  SetMetadata,
  UnauthorizedException,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { Topic } from 'nestjs-fanout';
import { from, map } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

const FORBIDDEN = { code: 'FORBIDDEN', message: 'Forbidden resource.' };

/** Lets pass whose data says so. */
@Injectable()
class OpenSesame implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToWs().getData()?.password === 'sesame';
  }
}

class Unauthorized implements CanActivate {
  canActivate(): boolean {
    throw new UnauthorizedException('Who are you?');
  }
}

class NotToday implements CanActivate {
  async canActivate(): Promise<boolean> {
    throw new WsException('Not today');
  }
}

/** Lets pass what `@SetMetadata('public', true)` marks. */
@Injectable()
class PublicOnly implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const places = [context.getHandler(), context.getClass()];
    return this.reflector.getAllAndOverride<boolean>('public', places) === true;
  }
}

@Injectable()
class Wrap implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map(value => ({ event: 'wrapped', data: value })));
  }
}

class Instead implements NestInterceptor {
  intercept() {
    return from([{ event: 'instead', data: 1 }]);
  }
}

class GuardedMethods {
  @SubscribeMessage('open')
  @SetMetadata('public', true)
  open() {
    return 'open';
  }

  @SubscribeMessage('guarded')
  @UseGuards(OpenSesame)
  guarded() {
    return 'guarded';
  }

  @Topic('guarded')
  @UseGuards(OpenSesame)
  topic() {}
}

@WebSocketGateway()
class MethodGateway extends GuardedMethods {
  @SubscribeMessage('unauthorized')
  @UseGuards(Unauthorized)
  unauthorized() {}

  @SubscribeMessage('not today')
  @UseGuards(NotToday)
  notToday() {}

  @SubscribeMessage('one')
  @UseInterceptors(Wrap)
  one(@MessageBody() data: unknown) {
    return data;
  }

  @SubscribeMessage('many')
  @UseInterceptors(Wrap)
  many() {
    return from([1, 2, 3]);
  }

  @SubscribeMessage('instead')
  @UseInterceptors(Instead)
  instead() {
    return 'never';
  }

  @Topic('wrapped.:id')
  @UseInterceptors(Wrap)
  wrapped() {
    return 'snapshot';
  }
}

@WebSocketGateway()
@UseGuards(OpenSesame)
@UseInterceptors(Wrap)
class ClassGateway {
  @SubscribeMessage('any')
  any() {
    return 'any';
  }
}

@WebSocketGateway()
class PlainGateway extends GuardedMethods {}

describe('a guard', () => {
  it('of a method refuses that method alone', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    expect(await client.request('guarded')).toEqual({ event: 'error', id: 1, data: FORBIDDEN });
    expect((await client.request('guarded', { password: 'sesame' })).data).toBe('guarded');
    expect((await client.request('open')).data).toBe('open');
  });

  it('of a @Topic method refuses the subscribe', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    const { event, data } = await client.subscribe('guarded');
    expect({ event, ...data }).toEqual({ event: 'error', ...FORBIDDEN, topic: 'guarded' });
    expect((await client.request('subscribe', { topic: 'guarded', password: 'sesame' })).event).toBe(
      'subscribed',
    );
  });

  it('of a class refuses each of its methods', async () => {
    const { url } = await startApp({ providers: [ClassGateway] });
    const client = await Client.connect(url);
    expect((await client.request('any')).data).toEqual(FORBIDDEN);
    expect((await client.request('any', { password: 'sesame' })).data).toBe('any');
  });

  it('that throws is answered with what it threw', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    expect((await client.request('unauthorized')).data).toEqual({
      code: 'UNAUTHORIZED',
      message: 'Who are you?',
    });
    expect((await client.request('not today')).data).toEqual({ code: 'EXCEPTION', message: 'Not today' });
  });

  it('given to useGlobalGuards() guards gateways too', async () => {
    const configure = (app: { useGlobalGuards(guard: CanActivate): unknown }): void => {
      app.useGlobalGuards(new OpenSesame());
    };
    const { url } = await startApp({ providers: [PlainGateway], configure });
    const client = await Client.connect(url);
    expect((await client.request('open')).data).toEqual(FORBIDDEN);
    expect((await client.request('open', { password: 'sesame' })).data).toBe('open');
  });

  it('provided as APP_GUARD guards gateways too, and reads the metadata of their methods', async () => {
    const { url } = await startApp({
      providers: [PlainGateway, { provide: APP_GUARD, useClass: PublicOnly }],
    });
    const client = await Client.connect(url);
    expect((await client.request('open')).data).toBe('open');
    expect((await client.request('guarded', { password: 'sesame' })).data).toEqual(FORBIDDEN);
    expect((await client.subscribe('guarded')).data.code).toBe('FORBIDDEN');
  });
});

describe('an interceptor', () => {
  it('changes the value of a method', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    expect(await client.request('one', 7)).toEqual({ event: 'wrapped', id: 1, data: 7 });
  });

  it('changes each value of an Observable', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'many' });
    await client.until(() => client.frames.length === 3);
    expect(client.frames).toEqual([1, 2, 3].map(data => ({ event: 'wrapped', data })));
  });

  it('changes the snapshot of a @Topic method', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    const { data } = await client.subscribe('wrapped.1');
    expect(data.snapshot).toEqual({ event: 'wrapped', data: 'snapshot' });
  });

  it('may answer in place of the method', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    expect(await client.request('instead')).toEqual({ event: 'instead', id: 1, data: 1 });
  });

  it('of a class wraps each of its methods', async () => {
    const { url } = await startApp({ providers: [ClassGateway] });
    const client = await Client.connect(url);
    expect((await client.request('any', { password: 'sesame' })).event).toBe('wrapped');
  });

  it.each([
    ['useGlobalInterceptors()', false],
    ['APP_INTERCEPTOR', true],
  ])('given to the whole application with %s wraps gateways too', async (_, asProvider) => {
    const { url } = await startApp({
      providers: [PlainGateway, ...(asProvider ? [{ provide: APP_INTERCEPTOR, useClass: Wrap }] : [])],
      configure: app => void (asProvider || app.useGlobalInterceptors(new Wrap())),
    });
    const client = await Client.connect(url);
    expect(await client.request('open')).toEqual({ event: 'wrapped', id: 1, data: 'open' });
  });
});
