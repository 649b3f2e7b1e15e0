import {
  type ArgumentsHost,
  BadRequestException,
  Catch,
  type ExceptionFilter,
  HttpException,
  NotFoundException,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { Broadcaster, Topic } from 'nestjs-fanout';
import { throwError } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

class Oops extends Error {}

/** Answers the client by itself, as filters of gateways do. */
@Catch(Oops, WsException)
class Answering implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost) {
    const client = host.switchToWs().getClient<WebSocket>();
    client.send(
      JSON.stringify({ event: 'filtered', data: error.message, pattern: host.switchToWs().getPattern() }),
    );
  }
}

@Catch()
class Rethrowing implements ExceptionFilter {
  catch(error: Error): never {
    throw new WsException({ code: 'RETHROWN', message: error.message });
  }
}

@Catch(TypeError)
class ForOthers implements ExceptionFilter {
  catch = vi.fn();
}

class Closed {
  canActivate(): boolean {
    return false;
  }
}

class Fails {
  @SubscribeMessage('fail')
  fail(@MessageBody() message: string) {
    throw new Oops(message);
  }
}

@WebSocketGateway()
class MethodGateway {
  @SubscribeMessage('http')
  http() {
    throw new NotFoundException('no such order');
  }

  @SubscribeMessage('details')
  details() {
    throw new BadRequestException(['a is wrong', 'b is wrong']);
  }

  @SubscribeMessage('odd status')
  oddStatus() {
    throw new HttpException('odd', 499);
  }

  @SubscribeMessage('ws')
  ws() {
    throw new WsException('not now');
  }

  @SubscribeMessage('ws object')
  wsObject() {
    throw new WsException({ code: 'LATE', message: 'too late', sku: 'A1', left: 0 });
  }

  @SubscribeMessage('error')
  error() {
    throw new Error('SECRET');
  }

  @SubscribeMessage('rejects')
  async rejects() {
    throw undefined;
  }

  @SubscribeMessage('filtered')
  @UseFilters(Answering)
  filtered(@MessageBody() message: string) {
    throw new Oops(message);
  }

  @SubscribeMessage('filtered later')
  @UseFilters(Answering)
  filteredLater() {
    return throwError(() => new Oops('from a stream'));
  }

  @SubscribeMessage('guarded')
  @UseFilters(Answering)
  @UseGuards(Closed)
  guarded() {}

  @SubscribeMessage('rethrown')
  @UseFilters(Rethrowing)
  rethrown() {
    throw new Oops('again');
  }

  @SubscribeMessage('not for it')
  @UseFilters(ForOthers)
  notForIt() {
    throw new WsException('passed by');
  }

  @Topic('filtered')
  @UseFilters(Answering)
  topic() {
    throw new Oops('no subscription');
  }

  @Topic('guarded')
  @UseFilters(Answering)
  @UseGuards(Closed)
  guardedTopic() {}
}

@WebSocketGateway()
@UseFilters(Answering)
class ClassGateway extends Fails {}

@WebSocketGateway()
class PlainGateway extends Fails {}

async function answerTo(event: string): Promise<any> {
  const { url } = await startApp({ providers: [MethodGateway] });
  const client = await Client.connect(url);
  return client.request(event);
}

describe('an exception of a handler', () => {
  it.each([
    ['http', { code: 'NOT_FOUND', message: 'no such order' }],
    [
      'details',
      { code: 'BAD_REQUEST', message: 'a is wrong; b is wrong', details: ['a is wrong', 'b is wrong'] },
    ],
    ['odd status', { code: 'EXCEPTION', message: 'odd' }],
    ['ws', { code: 'EXCEPTION', message: 'not now' }],
    ['ws object', { code: 'LATE', message: 'too late', details: { sku: 'A1', left: 0 } }],
    ['error', { code: 'INTERNAL', message: 'Internal error.' }],
    ['rejects', { code: 'INTERNAL', message: 'Internal error.' }],
  ])('is answered: %s', async (event, data) => {
    expect(await answerTo(event)).toEqual({ event: 'error', id: 1, data });
  });
});

describe('an exception filter', () => {
  it('of a method answers by itself, and no frame follows', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'filtered', id: 1, data: 'oops' });
    const marker = await client.request('marker');
    expect(client.frames).toEqual([{ event: 'filtered', data: 'oops', pattern: 'filtered' }, marker]);
  });

  it('of a class answers for each method', async () => {
    const { url } = await startApp({ providers: [ClassGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'fail', data: 'by the class' });
    const marker = await client.request('marker');
    expect(client.frames).toEqual([{ event: 'filtered', data: 'by the class', pattern: 'fail' }, marker]);
  });

  it('catches the WsException of a refused guard', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'guarded' });
    expect(await client.next(() => true)).toMatchObject({ event: 'filtered', data: 'Forbidden resource' });
  });

  it('catches the error of an Observable, and no frame follows', async () => {
    const { url } = await startApp({ providers: [MethodGateway] });
    const client = await Client.connect(url);
    client.send({ event: 'filtered later', id: 5 });
    client.send({ event: 'filtered later' });
    const marker = await client.request('marker');
    const answer = { event: 'filtered', data: 'from a stream', pattern: 'filtered later' };
    expect(client.frames).toEqual([answer, answer, marker]);
  });

  it.each(['filtered', 'guarded'])(
    'of a @Topic method answers for the subscribe, which stays refused: %s',
    async topic => {
      const { url, get } = await startApp({ providers: [MethodGateway] });
      const client = await Client.connect(url);
      client.send({ event: 'subscribe', id: 9, data: { topic } });
      const marker = await client.request('marker');
      expect(client.frames).toEqual([expect.objectContaining({ event: 'filtered', pattern: topic }), marker]);
      expect(get(Broadcaster).publish(topic, 'SECRET')).toBe(0);
    },
  );

  it('that rethrows is answered with what it threw', async () => {
    expect(await answerTo('rethrown')).toEqual({
      event: 'error',
      id: 1,
      data: { code: 'RETHROWN', message: 'again' },
    });
  });

  it('for other exceptions is not asked', async () => {
    expect((await answerTo('not for it')).data).toEqual({ code: 'EXCEPTION', message: 'passed by' });
  });

  it.each([
    ['useGlobalFilters()', false],
    ['APP_FILTER', true],
  ])(
    'given to the whole application with %s is one for HTTP and leaves gateways alone',
    async (_, asProvider) => {
      const filter = { catch: vi.fn() };
      Catch()(filter.constructor);
      const { url } = await startApp({
        providers: [PlainGateway, ...(asProvider ? [{ provide: APP_FILTER, useValue: filter }] : [])],
        configure: app => void (asProvider || app.useGlobalFilters(filter)),
      });
      const client = await Client.connect(url);
      expect((await client.request('fail', 'x')).data.code).toBe('INTERNAL');
      expect(filter.catch).not.toHaveBeenCalled();
    },
  );
});
