import { WebSocketGateway } from '@nestjs/websockets';
import { Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client } from '../../support/client.js';
import { startDelivery } from '../../support/delivery.js';
import { turn } from '../../support/slow.js';

@WebSocketGateway()
class Gateway {
  @Topic('plain')
  plain(): void {}

  @Topic('price', { conflate: true })
  price(): void {}

  @Topic('price.slow', { conflate: true, every: 50 })
  slow(): void {}

  @Topic('price.kept', { conflate: true, history: 10 })
  kept(): void {}
}

async function start() {
  const { url, broadcaster } = await startDelivery([Gateway]);
  return {
    broadcaster,
    connect: () => Client.connect(url),
    /** A client that is subscribed, with a rate or without. */
    async join(topic: string, maxRate?: number): Promise<Client> {
      const client = await Client.connect(url);
      await client.request('subscribe', { topic, maxRate });
      return client;
    },
  };
}

/** The answer to a subscribe with a rate. */
const ask = (client: Client, topic: string, maxRate: unknown): Promise<any> =>
  client.request('subscribe', { topic, maxRate });

const dataOf = (client: Client, topic: string): unknown[] =>
  client.publications(topic).map(({ data }) => data);

const got = (client: Client, topic: string, data: unknown): Promise<void> =>
  client.until(() => dataOf(client, topic).includes(data));

describe('subscribe with maxRate', () => {
  it('is granted what the window of the topic allows', async () => {
    const { connect } = await start();
    const client = await connect();
    expect((await ask(client, 'price.slow', 100)).data.maxRate).toBe(20);
    expect((await ask(client, 'price.slow', 10)).data.maxRate).toBe(10);
    expect((await client.subscribe('price.slow')).data).not.toHaveProperty('maxRate');
  });

  it.each([
    [1000, 100],
    [100, 100],
    [4.7, 4],
    [1, 1],
    [0.9, 0.5],
    [0.1, 0.1],
    [1 / 60, 1 / 60],
  ])('%d is granted as %d', async (asked, granted) => {
    const { connect } = await start();
    const client = await connect();
    expect(await ask(client, 'price', asked)).toMatchObject({
      event: 'subscribed',
      data: { topic: 'price', maxRate: granted },
    });
  });

  it('is not in the answer to somebody who did not ask', async () => {
    const { connect } = await start();
    const client = await connect();
    expect((await client.subscribe('price')).data).not.toHaveProperty('maxRate');
  });

  it.each([[0], [-1], [-0.5], [1 / 61], ['4'], [null], [true], [[4]], [{}]])(
    '%j is answered BAD_RATE',
    async maxRate => {
      const { connect, broadcaster } = await start();
      const client = await connect();
      expect(await ask(client, 'price', maxRate)).toMatchObject({
        event: 'error',
        id: 1,
        data: { code: 'BAD_RATE', topic: 'price' },
      });
      expect(broadcaster.subscribers('price')).toBe(0);
    },
  );

  it('is answered BAD_RATE on a topic that does not conflate, and leaves a subscription as it was', async () => {
    const { connect, broadcaster } = await start();
    const client = await connect();
    expect((await ask(client, 'plain', 4)).data).toMatchObject({ code: 'BAD_RATE', topic: 'plain' });
    expect(broadcaster.subscribers('plain')).toBe(0);
    await client.subscribe('plain');
    expect((await ask(client, 'plain', 4)).event).toBe('error');
    broadcaster.publish('plain', 'still');
    await got(client, 'plain', 'still');
  });

  it('is for each of several topics: those that do not conflate are refused', async () => {
    const { connect } = await start();
    const client = await connect();
    client.send({ event: 'subscribe', id: 'all', data: { topics: ['price', 'plain'], maxRate: 4 } });
    await client.until(() => client.frames.length === 2);
    expect(client.frames).toMatchObject([
      { event: 'subscribed', data: { topic: 'price', maxRate: 4 } },
      { event: 'error', data: { code: 'BAD_RATE', topic: 'plain' } },
    ]);
  });
});

describe('a client with a rate', () => {
  it('gets the newest of its time, while others get everything', async () => {
    const { broadcaster, join } = await start();
    const [all, some] = [await join('price'), await join('price', 4)];
    const numbers = Array.from({ length: 50 }, (_, i) => i + 1);
    for (const n of numbers) {
      broadcaster.publish('price', n);
      await turn();
    }
    await Promise.all([all, some].map(client => got(client, 'price', 50)));
    expect(dataOf(all, 'price')).toEqual(numbers);
    // The first at once, and then one in a quarter of a second.
    expect(dataOf(some, 'price').length).toBeLessThan(10);
    expect(dataOf(some, 'price').at(-1)).toBe(50);
    expect(some.frames.filter(({ event }) => event === 'gap')).toEqual([]);
    const offsets = some.publications('price').map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  });

  it('gets the same as all others of its class', async () => {
    const { broadcaster, join } = await start();
    const clients = [await join('price', 10), await join('price', 12.5), await join('price', 19)];
    for (let n = 1; n <= 200; n++) {
      broadcaster.publish('price', n);
      await turn();
    }
    await Promise.all(clients.map(client => got(client, 'price', 200)));
    const [first, ...others] = clients.map(client => client.publications('price'));
    expect(first!.length).toBeLessThan(100);
    for (const other of others) expect(other).toEqual(first);
  });

  it('moves to another one by subscribing again, and misses nothing by that', async () => {
    const { broadcaster, join } = await start();
    const [all, moving] = [await join('price'), await join('price', 1 / 60)];
    broadcaster.publish('price', 'first');
    await got(moving, 'price', 'first');
    broadcaster.publish('price', 'second');
    await got(all, 'price', 'second');
    await moving.request('ping');
    // Its turn would come in a minute.
    expect(dataOf(moving, 'price')).toEqual(['first']);

    expect((await ask(moving, 'price', 100)).data.maxRate).toBe(100);
    await got(moving, 'price', 'second');
    broadcaster.publish('price', 'third');
    await got(moving, 'price', 'third');

    await ask(moving, 'price', 1 / 30);
    await ask(moving, 'price', undefined);
    for (const data of ['fourth', 'fifth']) {
      broadcaster.publish('price', data);
      for (const client of [all, moving]) await got(client, 'price', data);
    }
    expect(dataOf(moving, 'price')).toEqual(['first', 'second', 'third', 'fourth', 'fifth']);
    expect(dataOf(all, 'price')).toEqual(['first', 'second', 'third', 'fourth', 'fifth']);
    expect(broadcaster.subscribers('price')).toBe(2);
  });

  it('recovers the newest at once, however low its rate', async () => {
    const { broadcaster, connect, join } = await start();
    const first = await join('price.kept');
    broadcaster.publish('price.kept', 1);
    await got(first, 'price.kept', 1);
    const since = await broadcaster.position('price.kept');
    for (const n of [2, 3, 4]) {
      broadcaster.publish('price.kept', n);
      await got(first, 'price.kept', n);
    }
    const back = await connect();
    const answer = await back.request('subscribe', { topic: 'price.kept', since, maxRate: 1 / 60 });
    expect(answer.data).toMatchObject({ recovered: true, maxRate: 1 / 60 });
    await got(back, 'price.kept', 4);
    expect(dataOf(back, 'price.kept')).toEqual([4]);
  });

  it('is counted, and leaves nothing behind', async () => {
    const { broadcaster, join } = await start();
    const clients = [await join('price', 1), await join('price', 2), await join('price', 1)];
    expect(broadcaster.subscribers('price')).toBe(3);
    expect(broadcaster.publish('price', 1)).toBe(3);
    for (const client of clients) await client.request('unsubscribe', { topic: 'price' });
    expect(broadcaster.subscribers('price')).toBe(0);
    expect(broadcaster.publish('price', 2)).toBe(0);
  });
});
