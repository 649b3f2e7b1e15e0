import 'reflect-metadata';
import { SetMetadata } from '@nestjs/common';
import { PROPERTY_DEPS_METADATA } from '@nestjs/common/constants.js';
import { lastValueFrom, of, throwError, toArray } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Broadcaster } from '../../../../lib/broadcast/broadcaster.js';
import { giveBroadcaster, Publish, type TopicOf } from '../../../../lib/gateway/nest/publish.decorator.js';

let published: [topic: string, data: unknown][];

beforeEach(() => {
  published = [];
});

/** An instance with one decorated method, injected as Nest does it: by the class's own metadata. */
function provider(
  topic: string | TopicOf,
  method: (...args: any[]) => unknown,
): { run(...args: any[]): any } {
  class Orders {
    run(...args: unknown[]): unknown {
      return method.apply(this, args);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'run')!;
  Publish(topic)(Orders.prototype, 'run', descriptor);
  Object.defineProperty(Orders.prototype, 'run', descriptor);
  const instance = new Orders();
  for (const { key, type } of Reflect.getMetadata(PROPERTY_DEPS_METADATA, Orders)) {
    expect(type).toBe(Broadcaster);
    (instance as unknown as Record<symbol, unknown>)[key as symbol] = {
      publish: (name: string, data: unknown) => published.push([name, data]),
    };
  }
  return instance;
}

describe('Publish', () => {
  it('publishes what the method returns, and returns it', () => {
    const order = { total: 5 };
    expect(provider('orders', () => order).run()).toBe(order);
    expect(published).toEqual([['orders', order]]);
  });

  it('publishes what a promise resolves to, before who awaits it goes on', async () => {
    const result = provider('orders', async () => 5).run();
    expect(published).toEqual([]);
    await expect(result).resolves.toBe(5);
    expect(published).toEqual([['orders', 5]]);
  });

  it('publishes nothing for a rejection or a throw, and passes it on', async () => {
    const failing = provider('orders', () => Promise.reject(new Error('a')));
    await expect(failing.run()).rejects.toThrow('a');
    const throwing = provider('orders', () => {
      throw new Error('b');
    });
    expect(() => throwing.run()).toThrow('b');
    expect(published).toEqual([]);
  });

  it('publishes each value that an Observable emits to its subscriber, and none without', async () => {
    const values = provider('orders', () => of(1, 2)).run();
    expect(published).toEqual([]);
    await expect(lastValueFrom(values.pipe(toArray()))).resolves.toEqual([1, 2]);
    expect(published).toEqual([
      ['orders', 1],
      ['orders', 2],
    ]);
    const failing = provider('orders', () => throwError(() => new Error('c'))).run();
    await expect(lastValueFrom(failing)).rejects.toThrow('c');
  });

  it.each([undefined, Promise.resolve(undefined)])('does not publish undefined', async result => {
    await provider('orders', () => result).run();
    expect(published).toEqual([]);
  });

  it('publishes null, which is a value', () => {
    provider('orders', () => null).run();
    expect(published).toEqual([['orders', null]]);
  });

  it('keeps this, arguments, name and what was noted on the method', () => {
    class Orders {
      readonly tax = 2;

      @Publish(() => 't')
      @SetMetadata('roles', ['admin'])
      total(price: number): number {
        return price * this.tax;
      }
    }
    const instance = new Orders();
    const [{ key }] = Reflect.getMetadata(PROPERTY_DEPS_METADATA, Orders) as [{ key: symbol }];
    Object.assign(instance, { [key]: { publish: (...what: [string, unknown]) => published.push(what) } });
    expect(instance.total(3)).toBe(6);
    expect(published).toEqual([['t', 6]]);
    expect(Orders.prototype.total.name).toBe('total');
    expect(Reflect.getMetadata('roles', Orders.prototype.total)).toEqual(['admin']);
  });

  describe('on an instance without a broadcaster', () => {
    let ran = 0;

    class Orders {
      @Publish('orders.:id')
      settle(id: string): string {
        ran++;
        return id;
      }
    }

    class Refunds extends Orders {}

    const broadcaster = {
      publish: (...what: [string, unknown]) => published.push(what),
    } as unknown as Broadcaster;

    beforeEach(() => {
      ran = 0;
    });

    it.each([
      ['made with new', () => new Orders().settle('7')],
      ['of a subclass', () => new Refunds().settle('7')],
      ['that was lost on the way', () => (0, new Orders().settle)('7')],
    ])('%s throws what to do, and does not run the method', (_case, call) => {
      expect(call).toThrow(expect.objectContaining({ code: 'FANOUT_PUBLISH_HOST' }));
      expect(call).toThrow('@Publish("orders.:id") on Orders.settle');
      expect(ran).toBe(0);
    });

    it('names the topic of a function as a function', () => {
      class Named {
        @Publish(() => 'a')
        run(): number {
          return 1;
        }
      }
      expect(() => new Named().run()).toThrow('@Publish(a function) on Named.run');
    });

    it('publishes once the instance has been given one', () => {
      const refunds = new Refunds();
      giveBroadcaster(refunds, broadcaster);
      expect(refunds.settle('7')).toBe('7');
      expect(published).toEqual([['orders.7', '7']]);
    });

    it.each([null, undefined, 5, 'text', () => {}, Object.create(null), new (class Other {})()])(
      'gives none to %s, which has no @Publish',
      value => {
        giveBroadcaster(value, broadcaster);
        if (typeof value === 'object' && value !== null) expect(Reflect.ownKeys(value)).toEqual([]);
      },
    );

    it('leaves a frozen instance as it is: the method says so when it is called', () => {
      const orders = Object.freeze(new Orders());
      giveBroadcaster(orders, broadcaster);
      expect(() => orders.settle('7')).toThrow(expect.objectContaining({ code: 'FANOUT_PUBLISH_HOST' }));
    });

    it('reads no property of an instance, which may be a proxy that makes them up', () => {
      const asked: unknown[] = [];
      const target = {};
      const proxy = new Proxy(target, { get: (_target, key) => asked.push(key), has: () => true });
      giveBroadcaster(proxy, broadcaster);
      expect(asked).toEqual([]);
      expect(Reflect.ownKeys(target)).toEqual([]);
    });
  });

  describe('the topic', () => {
    it.each<[string, unknown, unknown[], string]>([
      ['orders.:id', { id: 7 }, [{ id: 8 }, 9], 'orders.7'],
      ['orders.:id', { total: 5 }, ['x', { id: 8 }], 'orders.8'],
      ['orders.:id', { id: {} }, [{ id: 'a' }], 'orders.a'],
      ['orders.:id', 5, [9], 'orders.9'],
      ['orders.:id.:kind', null, ['a', 'b'], 'orders.a.b'],
      ['orders.:id.:kind', { kind: 'k' }, ['a', 'b'], 'orders.a.k'],
      ['orders.:id', { id: 0 }, [], 'orders.0'],
      ['orders.:id', { id: 'BRK.B' }, [], 'orders.BRK~2EB'],
      ['orders.:id', 5, ['a.~41'], 'orders.a~2E~7E41'],
      ['orders.:id', { id: '' }, ['a'], 'orders.a'],
    ])('%s of result %j and arguments %j is filled', (pattern, result, args, topic) => {
      provider(pattern, () => result).run(...args);
      expect(published).toEqual([[topic, result]]);
    });

    it.each<[unknown, unknown[]]>([
      [{}, []],
      [5, [{}]],
      [5, [undefined]],
      [{ id: null }, [true]],
      [{ id: '' }, [NaN]],
    ])('of result %j and arguments %j cannot be filled, and the error says by whom', (result, args) => {
      const run = (): unknown => provider('orders.:id', () => result).run(...args);
      expect(run).toThrow(expect.objectContaining({ code: 'FANOUT_TOPIC_UNRESOLVED' }));
      expect(run).toThrow('@Publish("orders.:id") on Orders.run cannot fill ":id"');
      expect(published).toEqual([]);
    });

    it('is named by a function of result and arguments', () => {
      provider(
        (result, [first]) => `${first}.${result}`,
        () => 'r',
      ).run('a', 'b');
      expect(published).toEqual([['a.r', 'r']]);
    });

    it.each(['', 'a b', ':a.:a'])('%j is refused where it is written', topic => {
      expect(() => Publish(topic)).toThrow(expect.objectContaining({ code: 'FANOUT_TOPIC_PATTERN' }));
    });
  });
});
