import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, type FanoutOptions, Topic, TopicParam } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

@WebSocketGateway({ path: '/market' })
class MarketGateway {
  readonly asked: string[] = [];

  @Topic('prices.:symbol')
  join(@TopicParam('symbol') symbol: string): object {
    this.asked.push(symbol);
    return { symbol, price: 7 };
  }

  @Topic('prices.index')
  index(): string {
    return 'the literal';
  }

  @Topic('prices.index.:part')
  part(@TopicParam('part') part: string): string {
    return `part ${part}`;
  }

  @Topic('news')
  news(): void {}
}

@WebSocketGateway({ path: '/other' })
class OtherGateway {
  @Topic('elsewhere')
  elsewhere(): void {}
}

async function start(options?: FanoutOptions) {
  const running = await startApp({ providers: [MarketGateway, OtherGateway], options });
  return {
    broadcaster: running.get(Broadcaster),
    connections: running.get(Connections),
    gateway: running.get(MarketGateway),
    connect: (path = '/market') => Client.connect(running.url + path),
  };
}

const POSITION = expect.stringMatching(/^[\w.~-]+:0$/);

/** What has come up to now: the answer to a ping follows everything that was sent before. */
async function settled(client: Client): Promise<any[]> {
  client.send({ event: 'ping', id: 'marker' });
  await client.next(frame => frame.id === 'marker');
  return client.frames.filter(frame => frame.id !== 'marker');
}

describe('subscribe', () => {
  it('is answered with id, topic, position and snapshot', async () => {
    const { connect } = await start();
    const client = await connect();
    client.send({ event: 'subscribe', id: 41, data: { topic: 'prices.AAPL' } });
    expect(await client.next(frame => frame.id === 41)).toStrictEqual({
      event: 'subscribed',
      id: 41,
      data: { topic: 'prices.AAPL', position: POSITION, snapshot: { symbol: 'AAPL', price: 7 } },
    });
  });

  it('needs no id, and has no snapshot when the method returns none', async () => {
    const { connect } = await start();
    const client = await connect();
    client.send({ event: 'subscribe', data: { topic: 'news' } });
    expect(await client.next(frame => frame.event === 'subscribed')).toStrictEqual({
      event: 'subscribed',
      data: { topic: 'news', position: POSITION },
    });
  });

  it('sends publications as frames with topic, offset and data', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect();
    const answer = await client.subscribe('news');
    const values = [1, 'zwölf', null, { deep: ['ünï', '😀'] }];
    for (const value of values) broadcaster.publish('news', value);
    await client.until(() => client.publications('news').length === values.length);
    expect(client.publications('news')).toStrictEqual(
      values.map((data, i) => ({ topic: 'news', offset: i + 1, data })),
    );
    const [epoch] = answer.data.position.split(':');
    expect(await broadcaster.position('news')).toBe(`${epoch}:4`);
  });

  it('answers each of several topics by itself', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect();
    const topics = ['prices.A', 'unheard.of', 'not a topic', 'news', 17, 'news'];
    client.send({ event: 'subscribe', id: 'many', data: { topics } });
    const frames = await settled(client);
    expect(frames).toHaveLength(5);
    expect(frames.every(({ id }) => id === 'many')).toBe(true);
    const answered = frames.map(({ event, data }) => [event, data.code, data.topic]);
    expect(answered).toEqual(
      expect.arrayContaining([
        ['subscribed', undefined, 'prices.A'],
        ['subscribed', undefined, 'news'],
        ['error', 'UNKNOWN_TOPIC', 'unheard.of'],
        ['error', 'BAD_TOPIC', undefined],
      ]),
    );
    expect(broadcaster.subscribers('news')).toBe(1);
    expect(broadcaster.subscribers('prices.A')).toBe(1);
  });

  it('is refused for a topic that no method declares', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect();
    for (const topic of ['prices', 'prices.A.B', 'News', 'news.', 'constructor', '__proto__']) {
      const { event, data } = await client.subscribe(topic);
      const code = topic === 'news.' ? 'BAD_TOPIC' : 'UNKNOWN_TOPIC';
      expect([topic, event, data.code]).toEqual([topic, 'error', code]);
    }
    expect(await client.subscribe('unheard.of')).toStrictEqual({
      event: 'error',
      id: 7,
      data: { code: 'UNKNOWN_TOPIC', message: expect.any(String), topic: 'unheard.of' },
    });
    expect(broadcaster.publish('unheard.of', 1)).toBe(0);
  });

  it.each([
    ['nothing', undefined],
    ['no topic', {}],
    ['a number', { topic: 5 }],
    ['an empty name', { topic: '' }],
    ['a pattern', { topic: 'prices.:symbol' }],
    ['an empty segment', { topic: 'prices..A' }],
    ['256 bytes', { topic: `prices.${'x'.repeat(249)}` }],
    ['a name that is not ASCII', { topic: 'prices.Ä' }],
    ['an array for a topic', { topic: ['news'] }],
    ['an array as data', ['news']],
  ])('is refused as BAD_TOPIC for %s', async (_, data) => {
    const { connect } = await start();
    const client = await connect();
    client.send({ event: 'subscribe', id: 1, data });
    expect(await settled(client)).toStrictEqual([
      { event: 'error', id: 1, data: { code: 'BAD_TOPIC', message: expect.any(String) } },
    ]);
  });

  it('takes a name of 255 bytes', async () => {
    const { connect } = await start();
    const client = await connect();
    const name = `prices.${'x'.repeat(248)}`;
    expect((await client.subscribe(name)).data.topic).toBe(name);
  });

  it('prefers a literal segment to a parameter', async () => {
    const { connect, gateway } = await start();
    const client = await connect();
    expect((await client.subscribe('prices.index')).data.snapshot).toBe('the literal');
    expect((await client.subscribe('prices.index.DAX')).data.snapshot).toBe('part DAX');
    expect((await client.subscribe('prices.indexes')).data.snapshot.symbol).toBe('indexes');
    expect(gateway.asked).toEqual(['indexes']);
  });

  it('knows only the topics of its own path', async () => {
    const { connect } = await start();
    const [market, other] = await Promise.all([connect('/market'), connect('/other')]);
    expect((await market.subscribe('elsewhere')).data.code).toBe('UNKNOWN_TOPIC');
    expect((await other.subscribe('news')).data.code).toBe('UNKNOWN_TOPIC');
    expect((await other.subscribe('elsewhere')).event).toBe('subscribed');
  });

  it('is answered again with a new snapshot when it was subscribed already', async () => {
    const { connect, broadcaster, gateway } = await start();
    const client = await connect();
    await client.subscribe('prices.A');
    broadcaster.publish('prices.A', 'first');
    const again = await client.subscribe('prices.A');
    expect(again).toMatchObject({ event: 'subscribed', data: { snapshot: { symbol: 'A' } } });
    expect(gateway.asked).toEqual(['A', 'A']);
    expect(broadcaster.publish('prices.A', 'second')).toBe(1);
    await client.until(() => client.publications('prices.A').some(({ data }) => data === 'second'));
    await settled(client);
    expect(client.publications('prices.A').map(({ data }) => data)).toEqual(['first', 'second']);
  });
});

describe('unsubscribe', () => {
  it('is answered, and nothing is sent from then on', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect();
    await client.subscribe('news');
    client.send({ event: 'unsubscribe', id: 2, data: { topic: 'news' } });
    expect(await client.next(frame => frame.id === 2 && frame.event !== 'subscribed')).toStrictEqual({
      event: 'unsubscribed',
      id: 2,
      data: { topic: 'news' },
    });
    expect(broadcaster.publish('news', 1)).toBe(0);
    await broadcaster.flush();
    await settled(client);
    expect(client.publications('news')).toEqual([]);
  });

  it('is answered also without a subscription, and for several topics at once', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect();
    await client.subscribe('news');
    client.send({ event: 'unsubscribe', id: 'u', data: { topics: ['news', 'never.had', 'b@d name'] } });
    const frames = (await settled(client)).filter(({ id }) => id === 'u');
    expect(frames).toHaveLength(3);
    expect(frames).toEqual(
      expect.arrayContaining([
        { event: 'unsubscribed', id: 'u', data: { topic: 'news' } },
        { event: 'unsubscribed', id: 'u', data: { topic: 'never.had' } },
        { event: 'error', id: 'u', data: { code: 'BAD_TOPIC', message: expect.any(String) } },
      ]),
    );
    expect(broadcaster.subscribers('news')).toBe(0);
  });

  it('lets a client come back, in the order of its messages', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect();
    for (let i = 0; i < 10; i++) {
      client.send({ event: 'subscribe', id: `s${i}`, data: { topic: 'news' } });
      client.send({ event: 'unsubscribe', id: `u${i}`, data: { topic: 'news' } });
    }
    const answer = await client.subscribe('prices.A');
    const earlier = client.frames.slice(0, client.frames.indexOf(answer)).map(({ event }) => event);
    expect(earlier.filter(event => event === 'subscribed')).toHaveLength(10);
    expect(earlier.at(-1)).toBe('unsubscribed');
    expect(broadcaster.subscribers('news')).toBe(0);
  });
});

describe('limits.topicsPerConnection', () => {
  it('refuses one more with TOO_MANY_TOPICS, and lets it in when another is gone', async () => {
    const { connect } = await start({ limits: { topicsPerConnection: 2 } });
    const client = await connect();
    client.send({ event: 'subscribe', id: 'two', data: { topics: ['prices.A', 'prices.B'] } });
    expect(await client.subscribe('news')).toMatchObject({
      event: 'error',
      data: { code: 'TOO_MANY_TOPICS', topic: 'news' },
    });
    expect((await client.subscribe('prices.A')).event).toBe('subscribed');
    await client.request('unsubscribe', { topic: 'prices.B' });
    expect((await client.subscribe('news')).event).toBe('subscribed');
  });

  it('counts the topics of one message together', async () => {
    const { connect, connections } = await start({ limits: { topicsPerConnection: 3 } });
    const client = await connect();
    await client.subscribe('news');
    client.send({ event: 'subscribe', id: 'm', data: { topics: ['prices.A', 'prices.B', 'prices.C'] } });
    const frames = (await settled(client)).filter(({ id }) => id === 'm');
    expect(frames.map(({ data }) => data.code ?? 'ok').sort()).toEqual(['TOO_MANY_TOPICS', 'ok', 'ok']);
    const [connection] = connections;
    expect(connection!.topics.size).toBe(3);
  });

  it('refuses a message with more topics than there may be as a whole', async () => {
    const { connect, connections } = await start({ limits: { topicsPerConnection: 2 } });
    const client = await connect();
    const topics = Array.from({ length: 1000 }, (_, i) => `prices.${i}`);
    client.send({ event: 'subscribe', id: 'm', data: { topics } });
    const frames = await settled(client);
    expect(frames.map(({ id, data }) => [id, data.code])).toEqual([['m', 'TOO_MANY_TOPICS']]);
    const [connection] = connections;
    expect(connection!.topics.size).toBe(0);
  });
});
