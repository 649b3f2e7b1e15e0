import { Injectable, type Provider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Publish, Topic } from 'nestjs-fanout';
import { lastValueFrom, type Observable, of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

@WebSocketGateway()
class Gateway {
  @Topic('orders.:id')
  order(): void {}

  @Topic('shops.:shop.orders.:id')
  shopOrder(): void {}

  @Topic('news')
  news(): void {}
}

@Injectable()
class Orders {
  readonly label = 'kept';
  readonly ticks = new Subject<number>();

  @Publish('news')
  value(text: string): string {
    return `${this.label}: ${text}`;
  }

  @Publish('orders.:id')
  async settle(_id: string): Promise<object> {
    return { settled: true };
  }

  @Publish('orders.:id')
  fromResult(_other: string): object {
    return { id: 'r1' };
  }

  @Publish('shops.:shop.orders.:id')
  fromArgument({ shop }: { shop: string }, _id: number): object {
    return { of: shop };
  }

  @Publish('news')
  stream(): Observable<number> {
    return this.ticks;
  }

  @Publish((result: { to: string }, [extra]) => `orders.${result.to}-${extra}`)
  named(_extra: string): object {
    return { to: 'f' };
  }

  @Publish('news')
  nothing(): void {}

  @Publish('news')
  async failing(): Promise<string> {
    throw new Error('not published');
  }

  @Publish('orders.:id')
  unresolved(): object {
    return { other: 1 };
  }

  @Publish('news')
  short(): Observable<string> {
    return of('a', 'b');
  }
}

async function start(...topics: string[]) {
  const { url, get } = await startApp({ providers: [Gateway, Orders] });
  const client = await Client.connect(url);
  for (const topic of topics) expect((await client.subscribe(topic)).event).toBe('subscribed');
  return {
    orders: get(Orders),
    async published(count: number): Promise<unknown[]> {
      const publications = (): any[] => client.frames.filter(({ topic }) => topic !== undefined);
      await client.until(() => publications().length >= count);
      // Whatever more there were would have come by then.
      await client.request('ping');
      return publications().map(({ topic, data }) => [topic, data]);
    },
  };
}

describe('@Publish', () => {
  it('publishes what a method returns, and returns it', async () => {
    const { orders, published } = await start('news');
    expect(orders.value('hi')).toBe('kept: hi');
    expect(await published(1)).toEqual([['news', 'kept: hi']]);
  });

  it('publishes what a promise resolves to, and fills a name by the place of an argument', async () => {
    const { orders, published } = await start('orders.o7');
    await expect(orders.settle('o7')).resolves.toEqual({ settled: true });
    expect(await published(1)).toEqual([['orders.o7', { settled: true }]]);
  });

  it('fills a name from the result, else from a property of an argument', async () => {
    const { orders, published } = await start('orders.r1', 'shops.s1.orders.12');
    orders.fromResult('not this');
    orders.fromArgument({ shop: 's1' }, 12);
    expect(await published(2)).toEqual([
      ['orders.r1', { id: 'r1' }],
      ['shops.s1.orders.12', { of: 's1' }],
    ]);
  });

  it('publishes each value of an Observable while somebody is subscribed to it', async () => {
    const { orders, published } = await start('news');
    const stream = orders.stream();
    orders.ticks.next(0);
    const subscription = stream.subscribe();
    orders.ticks.next(1);
    orders.ticks.next(2);
    subscription.unsubscribe();
    orders.ticks.next(3);
    await expect(lastValueFrom(orders.short())).resolves.toBe('b');
    expect(await published(4)).toEqual([1, 2, 'a', 'b'].map(data => ['news', data]));
  });

  it('takes a function for the topic', async () => {
    const { orders, published } = await start('orders.f-x');
    orders.named('x');
    expect(await published(1)).toEqual([['orders.f-x', { to: 'f' }]]);
  });

  it('publishes nothing for undefined and for a promise that rejects', async () => {
    const { orders, published } = await start('news');
    orders.nothing();
    await expect(orders.failing()).rejects.toThrow('not published');
    orders.value('marker');
    expect(await published(1)).toEqual([['news', 'kept: marker']]);
  });

  it('throws when a name is nowhere', async () => {
    const { orders } = await start();
    expect(() => orders.unresolved()).toThrow(
      expect.objectContaining({
        code: 'FANOUT_TOPIC_UNRESOLVED',
        message: expect.stringContaining('Orders.unresolved'),
      }),
    );
  });

  it.each<[string, Provider]>([
    ['useFactory', { provide: 'orders', useFactory: () => new Orders() }],
    ['an async useFactory', { provide: 'orders', useFactory: async () => new Orders() }],
    ['useValue', { provide: 'orders', useValue: new Orders() }],
  ])('publishes from an instance of %s, which Nest does not inject', async (_kind, provider) => {
    const { url, app } = await startApp({ providers: [Gateway, provider] });
    const client = await Client.connect(url);
    await client.subscribe('news');
    app.get<Orders>('orders').value('made elsewhere');
    const publication = await client.next(({ topic }) => topic === 'news');
    expect(publication.data).toBe('kept: made elsewhere');
  });

  it('throws what to do on an instance that was made with new', () => {
    expect(() => new Orders().value('x')).toThrow(expect.objectContaining({ code: 'FANOUT_PUBLISH_HOST' }));
  });

  it('publishes to a mock in a testing module without FanoutModule', async () => {
    const published: unknown[][] = [];
    const publish = (...what: unknown[]): number => published.push(what);
    const testing = await Test.createTestingModule({
      providers: [Orders, { provide: Broadcaster, useValue: { publish } }],
    }).compile();
    testing.get(Orders).value('x');
    expect(published).toEqual([['news', 'kept: x']]);
  });

  it('names Broadcaster in the error of a testing module that has none', async () => {
    const testing = Test.createTestingModule({ providers: [Orders] }).compile();
    await expect(testing).rejects.toThrow('If Broadcaster is a provider');
  });
});
