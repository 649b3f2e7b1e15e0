import {
  type ArgumentsHost,
  type CallHandler,
  Catch,
  ConflictException,
  type ExceptionFilter,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  ParseIntPipe,
  type PipeTransform,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  Connection,
  Connections,
  CurrentConnection,
  Topic,
  TopicName,
  topicName,
  TopicParam,
} from 'nestjs-fanout';
import { map, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

const calls: string[] = [];

@Injectable()
class NoGuard {
  canActivate(context: ExecutionContext): boolean {
    calls.push(`guard in ${context.getType()} for ${context.getHandler().name}`);
    return false;
  }
}

class Loud implements PipeTransform {
  transform(value: string): string {
    return value.toUpperCase();
  }
}

class Wrapping implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map(snapshot => ({ wrapped: snapshot })));
  }
}

@Catch(RangeError)
class RangeFilter implements ExceptionFilter {
  catch(error: RangeError, host: ArgumentsHost): void {
    const client = host.switchToWs().getClient<WebSocket>();
    client.send(JSON.stringify({ event: 'filtered', data: error.message }));
  }
}

@Catch()
class EveryFilter implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): void {
    const client = host.switchToWs().getClient<WebSocket>();
    client.send(JSON.stringify({ event: 'filtered', data: error.message }));
  }
}

@WebSocketGateway()
class Gateway {
  @UseGuards(NoGuard)
  @Topic('guarded.:id')
  guarded(): void {
    calls.push('guarded');
  }

  @Topic('piped.:number.:word')
  piped(
    @TopicParam('number', ParseIntPipe) number: number,
    @TopicParam('word', Loud) word: string,
  ): unknown[] {
    return [number, word];
  }

  @Topic('about.:a.:b')
  about(
    @TopicName() name: string,
    @TopicParam('a') a: string,
    @CurrentConnection() connection: Connection,
    @ConnectedSocket() socket: WebSocket,
    @MessageBody() body: object,
    @MessageBody('extra') extra: unknown,
  ): object {
    const same = connection.socket === socket && connection instanceof Connection;
    return { name, a, id: connection.id, same, body, extra };
  }

  @UseInterceptors(Wrapping)
  @Topic('intercepted')
  async intercepted(): Promise<number[]> {
    return [1, 2];
  }

  @Topic('conflict')
  conflict(): void {
    throw new ConflictException('no room');
  }

  @Topic('broken')
  async broken(): Promise<void> {
    throw new Error('secret of the inside');
  }

  @UseFilters(RangeFilter)
  @Topic('filtered')
  filtered(): void {
    throw new RangeError('too far');
  }

  @UseInterceptors(Wrapping)
  @UseFilters(RangeFilter)
  @Topic('intercepted-and-filtered')
  interceptedAndFiltered(): void {
    throw new RangeError('too far');
  }

  @UseGuards(NoGuard)
  @UseFilters(EveryFilter)
  @Topic('guarded-and-filtered')
  guardedAndFiltered(): void {}

  @SubscribeMessage('whoami')
  whoami(@CurrentConnection() connection: Connection): object {
    return { event: 'you', data: { id: connection.id } };
  }
}

async function start() {
  calls.length = 0;
  const { url, get } = await startApp({ providers: [Gateway] });
  const client = await Client.connect(url);
  const [connection] = get(Connections);
  return { client, connection: connection!, broadcaster: get(Broadcaster) };
}

describe('a @Topic method', () => {
  it('is not called, and nobody is subscribed, when a guard refuses', async () => {
    const { client, connection, broadcaster } = await start();
    expect(await client.subscribe('guarded.7')).toStrictEqual({
      event: 'error',
      id: 1,
      data: { code: 'FORBIDDEN', message: 'Forbidden resource.', topic: 'guarded.7' },
    });
    expect(calls).toEqual(['guard in ws for guarded']);
    expect(broadcaster.publish('guarded.7', 1)).toBe(0);
    expect([...connection.topics]).toEqual([]);
  });

  it('gets its parameters through pipes', async () => {
    const { client } = await start();
    expect((await client.subscribe('piped.12.loud')).data.snapshot).toEqual([12, 'LOUD']);
  });

  it('gets the value that topicName() has encoded', async () => {
    const { client } = await start();
    const name = topicName('about.:a.:b', { a: 'BRK.B', b: 'jane@example.com' });
    const { snapshot } = (await client.subscribe(name)).data;
    expect(snapshot).toMatchObject({ name: 'about.BRK~2EB.jane@example~2Ecom', a: 'BRK.B' });
  });

  it.each(['guarded.~37', 'about.BRK~2eB.x', 'about.x.~'])(
    'is not asked about %s, because a value has one spelling',
    async name => {
      const { client, connection } = await start();
      const answer = await client.subscribe(name);
      expect(answer).toMatchObject({ event: 'error', data: { code: 'BAD_TOPIC', topic: name } });
      expect(calls).toEqual([]);
      expect([...connection.topics]).toEqual([]);
    },
  );

  it('is refused when a pipe throws', async () => {
    const { client, connection } = await start();
    const answer = await client.subscribe('piped.twelve.loud');
    expect(answer).toMatchObject({
      event: 'error',
      data: { code: 'BAD_REQUEST', topic: 'piped.twelve.loud' },
    });
    expect([...connection.topics]).toEqual([]);
  });

  it('learns the topic, its connection, the socket and the body', async () => {
    const { client, connection } = await start();
    const body = { topic: 'about.x.y', extra: { more: 1 } };
    expect((await client.request('subscribe', body)).data.snapshot).toStrictEqual({
      name: 'about.x.y',
      a: 'x',
      id: connection.id,
      same: true,
      body,
      extra: { more: 1 },
    });
  });

  it('has its snapshot pass through interceptors', async () => {
    const { client, broadcaster } = await start();
    expect((await client.subscribe('intercepted')).data.snapshot).toEqual({ wrapped: [1, 2] });
    broadcaster.publish('intercepted', 'as it is');
    expect(await client.next(frame => frame.topic === 'intercepted')).toMatchObject({ data: 'as it is' });
  });

  it('is answered with the status of an HttpException, and is then not subscribed', async () => {
    const { client, connection, broadcaster } = await start();
    expect((await client.subscribe('conflict')).data).toStrictEqual({
      code: 'CONFLICT',
      message: 'no room',
      topic: 'conflict',
    });
    expect(connection.topics.has('conflict')).toBe(false);
    expect(broadcaster.publish('conflict', 1)).toBe(0);
  });

  it('says nothing about the inside when it breaks', async () => {
    const { client } = await start();
    expect((await client.subscribe('broken')).data).toStrictEqual({
      code: 'INTERNAL',
      message: 'Internal error.',
      topic: 'broken',
    });
    expect(JSON.stringify(client.frames)).not.toContain('secret');
  });

  it.each([
    ['method', 'filtered', 'too far'],
    ['method behind an interceptor', 'intercepted-and-filtered', 'too far'],
    ['guard', 'guarded-and-filtered', 'Forbidden resource'],
  ])('is not subscribed when a filter answers for its %s', async (_, topic, message) => {
    const { client, connection, broadcaster } = await start();
    client.send({ event: 'subscribe', id: 'f', data: { topic } });
    client.send({ event: 'ping', id: 'marker' });
    await client.next(frame => frame.id === 'marker');
    await client.next(frame => frame.event === 'filtered');
    expect(client.frames).toContainEqual({ event: 'filtered', data: message });
    expect(client.frames.map(({ event }) => event)).not.toContain('subscribed');
    expect(broadcaster.publish(topic, 1)).toBe(0);
    expect([...connection.topics]).toEqual([]);
  });
});

describe('@CurrentConnection', () => {
  it('works in message handlers too, where there is no topic', async () => {
    const { client, connection } = await start();
    expect(await client.request('whoami')).toStrictEqual({
      event: 'you',
      id: 1,
      data: { id: connection.id },
    });
    expect(connection.id).toMatch(/^[\w-]{22}$/);
  });
});
