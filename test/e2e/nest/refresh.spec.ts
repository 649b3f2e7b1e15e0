import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  type Connection,
  Connections,
  CurrentConnection,
  FanoutMetrics,
  type FanoutOptions,
  Topic,
  UseHandshakeGuards,
} from 'nestjs-fanout';
import { Observable, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { type Claims, ClaimsGuard, tokenOf } from '../../support/claims.js';
import { Gate } from '../../support/gate.js';

/** Lets a user have the topics that its token is good for. */
@Injectable()
class TopicGuard implements CanActivate {
  readonly asked: string[] = [];
  /** What it waits for when it has decided, by topic. */
  readonly waits = new Map<string, Promise<unknown>>();

  constructor(private readonly connections: Connections) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { topic } = context.switchToWs().getData<{ topic: string }>();
    const may = this.connections.of(context.switchToWs().getClient())!.user.may.includes(topic);
    this.asked.push(topic);
    await this.waits.get(topic);
    return may;
  }
}

@WebSocketGateway({ path: '/market' })
@UseHandshakeGuards(ClaimsGuard)
class MarketGateway {
  asked = 0;
  sources = 0;
  /** What the method of the prices waits for. */
  wait: Promise<unknown> | undefined;

  @Topic('prices.:symbol', { presence: { debounce: 0 } })
  @UseGuards(TopicGuard)
  async prices() {
    await this.wait;
    return 'snapshot';
  }

  /** Its method is never called: nothing is held before it is answered. */
  @Topic('cached')
  @UseGuards(TopicGuard)
  @UseInterceptors({ intercept: () => of('cached') })
  cached() {}

  @Topic('clock')
  clock(): Observable<never> {
    this.asked++;
    return new Observable(() => void this.sources++);
  }

  @SubscribeMessage('who')
  who(@CurrentConnection() { user }: Connection) {
    return { event: 'who', data: user };
  }
}

const ALL = ['prices.A', 'prices.B', 'prices.C'];

async function market(options?: FanoutOptions, claims: Claims = { may: ALL }, headers = {}) {
  const running = await startApp({ providers: [MarketGateway, TopicGuard], options });
  const url = `${running.url}/market?room=1&access_token=${tokenOf(claims)}`;
  const client = await Client.connect(url, [], { headers });
  const [connection] = running.get(Connections) as Iterable<Connection>;
  return {
    ...running,
    client,
    connection: connection!,
    broadcaster: running.get(Broadcaster),
    handshake: running.get(ClaimsGuard),
    guard: running.get(TopicGuard),
    gateway: running.get(MarketGateway),
    refresh: (to: Claims | string) =>
      client.request('refresh', { token: typeof to === 'string' ? to : tokenOf(to) }),
  };
}

const error = (code: string): object => ({ event: 'error', data: { code } });

describe('A refresh', () => {
  it('asks the handshake guards of a request with the new token, and of what was kept of the first', async () => {
    const { refresh, handshake, client } = await market(
      { handshake: { keep: ['cookie', 'x-kept'] } },
      { may: ['old'] },
      { cookie: 'a=b', 'x-kept': '1', 'x-forgotten': '1' },
    );
    expect(await refresh({ may: ['new'] })).toEqual({ event: 'refreshed', id: 1, data: {} });
    const [first, request] = handshake.requests;
    expect(request.headers).toEqual({
      host: first.headers.host,
      cookie: 'a=b',
      'x-kept': '1',
      authorization: `Bearer ${tokenOf({ may: ['new'] })}`,
    });
    expect(request.url).toBe(`/market?room=1&access_token=${tokenOf({ may: ['new'] })}`);
    expect([request.method, request.ip, request.query.room, request.cookies.a]).toEqual([
      'GET',
      '127.0.0.1',
      '1',
      'b',
    ]);
    expect(await client.request('who')).toMatchObject({ data: { id: 1, may: ['new'] } });
  });

  it.each([
    ['bad', 'UNAUTHORIZED'],
    ['forbidden', 'FORBIDDEN'],
    ['broken', 'INTERNAL'],
    [tokenOf({ expiresAt: 1 }), 'UNAUTHORIZED'],
    [tokenOf({ id: 2 }), 'FORBIDDEN'],
  ])('with the token %s is answered %s, and the old credentials stay', async (token, code) => {
    const { refresh, client, guard } = await market();
    await client.subscribe('prices.A');
    expect(await refresh(token)).toMatchObject({ ...error(code), id: 2 });
    expect(await client.request('who')).toMatchObject({ data: { id: 1, may: ALL } });
    expect(guard.asked).toEqual(['prices.A']);
  });

  it.each([
    [undefined],
    [null],
    [{}],
    [{ token: '' }],
    [{ token: 7 }],
    [{ token: 'ä'.repeat(4097) }],
    ['token'],
  ])('with %j is no message, and nobody is asked', async data => {
    const { client, handshake } = await market();
    expect(await client.request('refresh', data)).toMatchObject({ ...error('BAD_TOKEN'), id: 1 });
    expect(handshake.requests).toHaveLength(1);
  });

  it('has limits.handshake, and then is answered BUSY', async () => {
    const { refresh, handshake, client } = await market({ limits: { handshake: 30 } });
    handshake.wait = new Promise(() => {});
    expect(await refresh({})).toMatchObject(error('BUSY'));
    expect(await client.request('who')).toMatchObject({ data: { may: ALL } });
  });

  it('is limited, as each asks every guard', async () => {
    const { refresh, handshake, get } = await market();
    for (let i = 0; i < 10; i++) expect(await refresh('bad')).toMatchObject(error('UNAUTHORIZED'));
    expect(await refresh({})).toMatchObject(error('RATE_LIMITED'));
    expect(handshake.requests).toHaveLength(11);
    expect(get(FanoutMetrics).rejected).toMatchObject({ denied: 10, 'refresh-rate': 1 });
  });

  it('may come too late for its connection', async () => {
    const { client, handshake, url, get } = await market();
    const gate = new Gate();
    handshake.wait = gate.passed;
    const token = tokenOf({ expiresAt: Date.now() + 500 });
    client.send({ event: 'refresh', data: { token } });
    await eventually(() => handshake.requests.length === 2);
    client.socket.terminate();
    await eventually(() => get(Connections).size === 0);
    gate.open();
    const other = await Client.connect(`${url}/market?access_token=${token}`);
    await other.closed;
    // The other one: what has gone does not end again.
    expect(get(FanoutMetrics).rejected.expired).toBe(1);
  });

  it('is nothing special on a path without handshake guards', async () => {
    @WebSocketGateway({ path: '/own' })
    class OwnGateway {
      @SubscribeMessage('refresh')
      refresh() {
        return { event: 'mine' };
      }
    }
    @WebSocketGateway({ path: '/none' })
    class PlainGateway {}
    const { url } = await startApp({ providers: [OwnGateway, PlainGateway] });
    const own = await Client.connect(`${url}/own`);
    expect(await own.request('refresh', { token: 'a' })).toMatchObject({ event: 'mine' });
    const none = await Client.connect(`${url}/none`);
    expect(await none.request('refresh', { token: 'a' })).toMatchObject(error('UNKNOWN_EVENT'));
  });
});

describe('After a refresh', () => {
  it('every topic is asked about again, and those that are refused are over', async () => {
    const { refresh, client, guard, connection, broadcaster, get } = await market();
    for (const topic of ALL) await client.subscribe(topic);
    const before = client.frames.length;
    guard.asked.length = 0;
    expect(await refresh({ may: ['prices.B'] })).toMatchObject({ event: 'refreshed' });
    expect(guard.asked).toEqual(ALL);
    expect(client.frames.slice(before)).toEqual([
      { event: 'error', data: { code: 'FORBIDDEN', message: 'Forbidden resource.', topic: 'prices.A' } },
      { event: 'unsubscribed', data: { topic: 'prices.A' } },
      { event: 'error', data: { code: 'FORBIDDEN', message: 'Forbidden resource.', topic: 'prices.C' } },
      { event: 'unsubscribed', data: { topic: 'prices.C' } },
      { event: 'refreshed', id: 4, data: {} },
    ]);
    expect([...connection.topics]).toEqual(['prices.B']);
    expect(get(FanoutMetrics).rejected.denied).toBe(0);
    for (const topic of ALL) broadcaster.publish(topic, 1);
    await client.next(frame => frame.topic === 'prices.B');
    expect(client.frames.filter(({ topic }) => topic !== undefined)).toHaveLength(1);
  });

  it('what is published while a topic is decided about still comes, once', async () => {
    const { client, guard, broadcaster } = await market();
    await client.subscribe('prices.A');
    const gate = new Gate();
    guard.waits.set('prices.A', gate.passed);
    client.send({ event: 'refresh', id: 'r', data: { token: tokenOf({ may: ALL }) } });
    await eventually(() => guard.asked.length === 2);
    broadcaster.publish('prices.A', 'while');
    await client.next(frame => frame.topic === 'prices.A');
    gate.open();
    await client.next(({ event }) => event === 'refreshed');
    broadcaster.publish('prices.A', 'after');
    await client.until(() => client.publications('prices.A').length === 2);
    expect(client.publications('prices.A').map(({ offset, data }) => [offset, data])).toEqual([
      [1, 'while'],
      [2, 'after'],
    ]);
  });

  it('a topic that the server has subscribed it to is not asked about', async () => {
    const { refresh, client, connection } = await market();
    connection.subscribe('prices.A');
    await client.next(({ event }) => event === 'subscribed');
    await refresh({ may: [] });
    expect([...connection.topics]).toEqual(['prices.A']);
  });

  it('the presence of a topic goes with the topic, and stays with it', async () => {
    const { refresh, client, connection } = await market();
    for (const topic of ['prices.A~presence', 'prices.A', 'prices.B', 'prices.B~presence'])
      expect(await client.subscribe(topic)).toMatchObject({ event: 'subscribed' });
    await refresh({ may: ['prices.B'] });
    expect([...connection.topics]).toEqual(['prices.B', 'prices.B~presence']);
  });

  it('a source that runs is not subscribed to anew', async () => {
    const { refresh, client, connection, gateway } = await market();
    await client.subscribe('clock');
    expect(await refresh({})).toMatchObject({ event: 'refreshed' });
    expect([...connection.topics]).toEqual(['clock']);
    expect([gateway.asked, gateway.sources]).toEqual([2, 1]);
  });

  it.each([[[]], [ALL]])(
    'a topic that has ended meanwhile is not mentioned, and stays ended: %j',
    async may => {
      const { client, guard, connection, broadcaster } = await market();
      await client.subscribe('prices.A');
      const gate = new Gate();
      guard.waits.set('prices.A', gate.passed);
      client.send({ event: 'refresh', data: { token: tokenOf({ may }) } });
      await eventually(() => guard.asked.length === 2);
      connection.unsubscribe('prices.A');
      gate.open();
      await client.next(({ event }) => event === 'refreshed');
      expect(client.frames.filter(({ event }) => event === 'error')).toEqual([]);
      expect([[...connection.topics], broadcaster.subscribers('prices.A')]).toEqual([[], 0]);
    },
  );
});

describe('Messages at the same time as a refresh', () => {
  it('may be a subscribe that the old credentials allow, and the new ones do not', async () => {
    const { client, guard, connection, refresh } = await market({ limits: { inFlight: 4 } });
    const gate = new Gate();
    guard.waits.set('prices.A', gate.passed);
    client.send({ event: 'subscribe', id: 's', data: { topic: 'prices.A' } });
    await eventually(() => guard.asked.length === 1);
    await refresh({ may: [] });
    gate.open();
    expect(await client.next(({ id }) => id === 's')).toMatchObject(error('FORBIDDEN'));
    expect([guard.asked, [...connection.topics]]).toEqual([['prices.A', 'prices.A'], []]);
  });

  it('may be a subscribe that both allow', async () => {
    const { client, guard, connection, broadcaster, refresh } = await market({ limits: { inFlight: 4 } });
    const gate = new Gate();
    guard.waits.set('prices.A', gate.passed);
    client.send({ event: 'subscribe', id: 's', data: { topic: 'prices.A' } });
    await eventually(() => guard.asked.length === 1);
    await refresh({ may: ['prices.A'] });
    gate.open();
    const answer = await client.next(({ id }) => id === 's');
    expect(answer).toMatchObject({ event: 'subscribed', data: { snapshot: 'snapshot' } });
    expect([...connection.topics]).toEqual(['prices.A']);
    broadcaster.publish('prices.A', 1);
    await client.next(frame => frame.topic === 'prices.A');
  });

  it('may be a subscribe whose method runs, and which is answered once', async () => {
    const { client, guard, gateway, connection, refresh } = await market({ limits: { inFlight: 4 } });
    const gate = new Gate();
    gateway.wait = gate.passed;
    client.send({ event: 'subscribe', id: 's', data: { topic: 'prices.A' } });
    await eventually(() => connection.topics.size === 1);
    await refresh({ may: [] });
    gate.open();
    await client.next(({ id }) => id === 's');
    expect(client.frames.map(({ event }) => event)).toEqual(['refreshed', 'error']);
    expect([guard.asked.length, [...connection.topics]]).toEqual([2, []]);
  });

  it('may be a subscribe that the server revokes when it is asked again', async () => {
    const { client, guard, gateway, connection, refresh } = await market({ limits: { inFlight: 4 } });
    const [first, second] = [new Gate(), new Gate()];
    gateway.wait = first.passed;
    client.send({ event: 'subscribe', id: 's', data: { topic: 'prices.A' } });
    await eventually(() => connection.topics.size === 1);
    await refresh({ may: ALL });
    guard.waits.set('prices.A', second.passed);
    first.open();
    await eventually(() => guard.asked.length === 2);
    connection.unsubscribe('prices.A');
    second.open();
    expect(await client.next(({ id }) => id === 's')).toMatchObject(error('FORBIDDEN'));
    expect(connection.topics.size).toBe(0);
  });

  it('may be a subscribe that counts towards the limit when it is asked again', async () => {
    const may = ['cached', 'prices.A'];
    const { client, guard, refresh } = await market(
      { limits: { inFlight: 4, topicsPerConnection: 1 } },
      { may },
    );
    const [first, second] = [new Gate(), new Gate()];
    guard.waits.set('cached', first.passed);
    client.send({ event: 'subscribe', id: 's', data: { topic: 'cached' } });
    await eventually(() => guard.asked.length === 1);
    await refresh({ may });
    guard.waits.set('cached', second.passed);
    first.open();
    await eventually(() => guard.asked.length === 2);
    expect(await client.subscribe('prices.A')).toMatchObject(error('TOO_MANY_TOPICS'));
    second.open();
    expect(await client.next(({ id }) => id === 's')).toMatchObject({ event: 'subscribed' });
    await client.request('unsubscribe', { topic: 'cached' });
    expect(await client.subscribe('prices.A')).toMatchObject({ event: 'subscribed' });
  });

  it('may be another refresh, which counts', async () => {
    const { client, handshake } = await market({ limits: { inFlight: 4 } });
    const gate = new Gate();
    handshake.wait = gate.passed;
    client.send({ event: 'refresh', id: 'one', data: { token: tokenOf({ may: ['one'] }) } });
    client.send({ event: 'refresh', id: 'two', data: { token: tokenOf({ may: ['two'] }) } });
    await eventually(() => handshake.requests.length === 2);
    gate.open();
    await client.next(({ id }) => id === 'two');
    expect(client.frames.map(({ id }) => id)).toEqual(['one', 'two']);
    expect(await client.request('who')).toMatchObject({ data: { may: ['two'] } });
  });
});
