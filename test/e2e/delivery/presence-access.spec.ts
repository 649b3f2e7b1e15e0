import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  ForbiddenException,
  type NestInterceptor,
  ParseIntPipe,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { MessageBody, WebSocketGateway } from '@nestjs/websockets';
import { type Connection, CurrentConnection, Topic, TopicName, TopicParam } from 'nestjs-fanout';
import { interval, map, type Observable, of, tap } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { eventually } from '../../support/client.js';
import { DEBOUNCE, startRooms, Watcher } from '../../support/presence-rooms.js';

const calls: string[] = [];

beforeEach(() => void calls.splice(0));

/** Lets in whom the message names. */
class KeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { topic, key } = context.switchToWs().getData<{ topic: string; key?: string }>();
    calls.push(`guard for ${topic}`);
    return key === 'open';
  }
}

class Noting implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    calls.push('interceptor');
    return next.handle().pipe(map(snapshot => ({ intercepted: snapshot })));
  }
}

@Catch(RangeError)
class RangeFilter implements ExceptionFilter {
  catch(error: RangeError, host: ArgumentsHost): void {
    host
      .switchToWs()
      .getClient<WebSocket>()
      .send(JSON.stringify({ event: 'filtered', data: error.message }));
  }
}

const presence = { debounce: DEBOUNCE };

@WebSocketGateway({ path: '/rooms' })
class Gateway {
  /** Who waits in `slow` goes on with this. */
  go = (): void => {};
  #isAsked!: () => void;
  readonly asked = new Promise<void>(resolve => (this.#isAsked = resolve));

  @Topic('rooms.:id', { presence })
  @UseGuards(KeyGuard)
  @UseInterceptors(Noting)
  room(
    @TopicParam('id', ParseIntPipe) id: number,
    @TopicName() name: string,
    @MessageBody() data: object,
  ): object {
    calls.push(`room ${id} ${name} ${JSON.stringify(data)}`);
    return { id };
  }

  @Topic('open', { presence })
  open(): void {
    calls.push('open');
  }

  @Topic('unhurried', { presence: { debounce: 500 } })
  unhurried(): void {}

  @Topic('mine.:user', { presence })
  mine(@TopicParam('user') user: string, @CurrentConnection() connection: Connection): void {
    if (connection.user !== user) throw new ForbiddenException('not yours');
  }

  @Topic('plain.:id')
  plain(): void {
    calls.push('plain');
  }

  @Topic('filtered', { presence })
  @UseFilters(RangeFilter)
  filtered(): never {
    throw new RangeError('out of range');
  }

  @Topic('feed', { presence })
  feed(): Observable<number> {
    return interval(5).pipe(tap({ subscribe: () => calls.push('source starts') }));
  }

  @Topic('last', { presence })
  @UseInterceptors(Noting)
  last(): Observable<number> {
    return of(1).pipe(tap({ subscribe: () => calls.push('source starts') }));
  }

  @Topic('slow', { presence })
  async slow(): Promise<void> {
    calls.push('slow');
    this.#isAsked();
    await new Promise<void>(resolve => (this.go = resolve));
  }

  @Topic('lobby', { presence })
  lobby(): void {}

  @Topic('lobby~presence')
  lobbyPresence(): string {
    return 'the gateway’s own';
  }
}

@WebSocketGateway({ path: '/elsewhere' })
class Elsewhere {
  @Topic('far', { presence })
  far(): void {}
}

const start = () => startRooms([Gateway, Elsewhere]);

const error = (code: string, topic: string): object => ({ event: 'error', data: { code, topic } });

describe('who may know who is there', () => {
  it('is whoever has the topic, and the method is not asked again', async () => {
    const { connect } = await start();
    const client = await connect('ann');
    await client.request('subscribe', { topic: 'rooms.7', key: 'open' });
    calls.splice(0);
    expect(await client.subscribe('rooms.7~presence')).toMatchObject({
      data: { snapshot: { members: [{ user: 'ann', connections: 1 }] } },
    });
    expect(calls).toEqual([]);
    expect(await client.subscribe('rooms.8~presence')).toMatchObject(error('FORBIDDEN', 'rooms.8~presence'));
  });

  it('is whoever the server has given the topic', async () => {
    const { connect, connections } = await start();
    const client = await connect('bob');
    expect(await client.subscribe('mine.ann~presence')).toMatchObject(
      error('FORBIDDEN', 'mine.ann~presence'),
    );
    [...connections][0]!.subscribe('mine.ann');
    expect(await client.subscribe('mine.ann~presence')).toMatchObject({ event: 'subscribed' });
  });

  it('is who would get the topic from guards, pipes, interceptors and the method, which see it and not its presence', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect('ann');
    const answer = await client.request('subscribe', { topic: 'rooms.7~presence', key: 'open' });
    expect(answer.data).toMatchObject({ topic: 'rooms.7~presence', snapshot: { members: [] } });
    expect(calls).toEqual([
      'guard for rooms.7',
      'interceptor',
      'room 7 rooms.7 {"topic":"rooms.7","key":"open"}',
    ]);
    expect(broadcaster.subscribers('rooms.7')).toBe(0);
    expect(await broadcaster.presence('rooms.7')).toEqual([]);
    expect(broadcaster.subscribers('rooms.7~presence')).toBe(1);
  });

  it.each([
    ['a guard', 'rooms.7~presence', 'FORBIDDEN'],
    ['a pipe', 'rooms.seven~presence', 'BAD_REQUEST'],
    ['the method', 'mine.bob~presence', 'FORBIDDEN'],
  ])('is nobody whom %s refuses', async (_, topic, code) => {
    const { connect, broadcaster, connections } = await start();
    const client = await connect('ann');
    const key = code === 'BAD_REQUEST' ? 'open' : undefined;
    expect(await client.request('subscribe', { topic, key })).toMatchObject(error(code, topic));
    expect(broadcaster.subscribers(topic)).toBe(0);
    expect([...connections][0]!.topics.size).toBe(0);
  });

  it('is nobody whom a filter has answered', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect('ann');
    client.send({ event: 'subscribe', id: 1, data: { topic: 'filtered~presence' } });
    await client.next(({ event }) => event === 'filtered');
    expect(await client.request('ping')).toMatchObject({ event: 'pong' });
    expect(client.frames.filter(({ id, event }) => id === 1 && event !== 'pong')).toEqual([]);
    expect(broadcaster.subscribers('filtered~presence')).toBe(0);
  });

  it.each([
    'plain.1~presence',
    'nothing~presence',
    'far~presence',
    'open~presence~presence',
    '~presence',
    'rooms.~presence',
  ])('is nobody of what has no presence: %s', async topic => {
    const { connect, broadcaster } = await start();
    const client = await connect('ann');
    expect(await client.request('subscribe', { topic, key: 'open' })).toMatchObject(
      error('UNKNOWN_TOPIC', topic),
    );
    expect(calls).toEqual([]);
    expect(broadcaster.subscribers(topic)).toBe(0);
  });

  it('does not start the source of the topic', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect('ann');
    for (const topic of ['feed', 'last']) {
      const { data } = await client.subscribe(`${topic}~presence`);
      expect(data.snapshot).toEqual({ members: [] });
    }
    expect(calls).toEqual(['interceptor']);
    await client.subscribe('feed');
    await client.until(() => client.publications('feed').length > 1);
    expect(calls).toEqual(['interceptor', 'source starts']);
    await client.request('unsubscribe', { topic: 'feed~presence' });
    const count = client.publications('feed').length;
    await client.until(() => client.publications('feed').length > count);
    expect(broadcaster.subscribers('feed')).toBe(1);
  });

  it('is for a method to say that declares the presence itself', async () => {
    const { connect, join } = await start();
    const client = await connect('ann');
    expect((await client.subscribe('lobby~presence')).data.snapshot).toBe('the gateway’s own');
    await join('bob', 'lobby');
    await client.until(() => client.publications('lobby~presence').length === 1);
    expect(client.publications('lobby~presence')[0]!.data.joined).toEqual([{ user: 'bob', connections: 1 }]);
  });

  it('counts towards the topics a client may have', async () => {
    const { connect } = await startRooms([Gateway], { limits: { topicsPerConnection: 2 } });
    const client = await connect('ann');
    await client.subscribe('open');
    expect(await client.subscribe('open~presence')).toMatchObject({ event: 'subscribed' });
    expect(await client.subscribe('feed~presence')).toMatchObject(error('TOO_MANY_TOPICS', 'feed~presence'));
  });
});

describe('a client that the server takes the topic from', () => {
  it.each([
    ['with the topic', ['open', 'open~presence']],
    ['with its presence alone', ['open~presence']],
  ])('%s loses both', async (_, topics) => {
    const { connect, broadcaster } = await start();
    const [ann, bob] = [await connect('ann'), await connect('bob')];
    for (const topic of topics) await ann.subscribe(topic);
    await bob.subscribe('open~presence');
    expect(await broadcaster.unsubscribe({ user: 'ann' }, 'open')).toBe(1);
    for (const topic of topics)
      await ann.next(({ event, data }) => event === 'unsubscribed' && data.topic === topic);
    expect(broadcaster.subscribers('open~presence')).toBe(1);
    expect(await broadcaster.unsubscribe({ user: 'ann' }, 'open')).toBe(0);
  });

  it('keeps the topic when only the presence is taken, and the presence when it leaves the topic itself', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect('ann');
    await client.subscribe('open');
    await client.subscribe('open~presence');
    await client.request('unsubscribe', { topic: 'open' });
    expect(broadcaster.subscribers('open~presence')).toBe(1);
    await client.subscribe('open');
    expect(await broadcaster.unsubscribe({ user: 'ann' }, 'open~presence')).toBe(1);
    expect(broadcaster.subscribers('open')).toBe(1);
  });

  it('does not get the presence that it has just asked for', async () => {
    const { connect, broadcaster, get } = await start();
    const client = await connect('ann');
    // While it waits for the method.
    const answer = client.subscribe('slow~presence');
    await get(Gateway).asked;
    expect(await broadcaster.unsubscribe({ user: 'ann' }, 'slow')).toBe(1);
    get(Gateway).go();
    expect(await answer).toMatchObject(error('FORBIDDEN', 'slow~presence'));
    // While it waits for the changes to be published.
    await client.subscribe('unhurried');
    const second = client.subscribe('unhurried~presence');
    await eventually(
      async () => (await broadcaster.unsubscribe({ user: 'ann' }, 'unhurried~presence')) === 1,
      'subscription',
    );
    expect(await second).toMatchObject(error('FORBIDDEN', 'unhurried~presence'));
    expect(broadcaster.subscribers('unhurried~presence')).toBe(0);
  });
});

describe('a client that the server subscribes to a presence', () => {
  it('is told who is there, and then who comes and goes', async () => {
    const { connect, join, connections } = await start();
    await join('ann', 'open');
    const client = await connect('bob');
    const connection = [...connections.ofUser('bob')][0]!;
    await Watcher.of(await connect(), 'open');
    expect(connection.subscribe('open~presence')).toBe(true);
    const answer = await client.next(({ event }) => event === 'subscribed');
    expect(answer.data.snapshot).toEqual({ members: [{ user: 'ann', connections: 1 }] });
    await join('cat', 'open');
    await client.until(() => client.publications('open~presence').length === 1);
  });

  it('gets no snapshot of a topic that is none', async () => {
    const { connect, connections } = await start();
    const client = await connect('bob');
    [...connections][0]!.subscribe('plain.1~presence');
    const { data } = await client.next(({ event }) => event === 'subscribed');
    expect(data).not.toHaveProperty('snapshot');
  });
});
