import { type Broadcaster, type History, type TopicData, topicName, type Topics } from 'nestjs-fanout';
import { describe, expectTypeOf, it } from 'vitest';

interface Price {
  readonly last: number;
}

// Names of their own: every file of the test project sees this augmentation.
declare module 'nestjs-fanout' {
  interface Topics {
    'typed-prices.:symbol': Price;
    'typed-prices.:symbol.depth': readonly number[];
    'typed-clock': number;
  }
}

declare const broadcaster: Broadcaster;
declare const anyName: string;

describe('Topics', () => {
  it('is augmented through the re-export', () => {
    expectTypeOf<keyof Topics>().toEqualTypeOf<
      'typed-prices.:symbol' | 'typed-prices.:symbol.depth' | 'typed-clock'
    >();
  });
});

describe('TopicData', () => {
  it('is the type of the pattern that a name matches', () => {
    expectTypeOf<TopicData<'typed-prices.AAPL'>>().toEqualTypeOf<Price>();
    expectTypeOf<TopicData<'typed-prices.AAPL.depth'>>().toEqualTypeOf<readonly number[]>();
    expectTypeOf<TopicData<'typed-clock'>>().toEqualTypeOf<number>();
    expectTypeOf<TopicData<`typed-prices.${string}X`>>().toEqualTypeOf<Price>();
  });

  it('is unknown for what is not declared, and for a name that is only known to be a string', () => {
    expectTypeOf<TopicData<'typed-prices'>>().toBeUnknown();
    expectTypeOf<TopicData<'typed-prices.AAPL.other'>>().toBeUnknown();
    expectTypeOf<TopicData<'typed-clock.utc'>>().toBeUnknown();
    expectTypeOf<TopicData<'undeclared'>>().toBeUnknown();
    expectTypeOf<TopicData<string>>().toBeUnknown();
  });
});

describe('Broadcaster', () => {
  it('takes the declared payload', () => {
    expectTypeOf(broadcaster.publish('typed-prices.AAPL', { last: 1 })).toEqualTypeOf<number>();
    broadcaster.publish('typed-clock', 5, { except: 'id' });
    expectTypeOf(broadcaster.publishConfirmed('typed-clock', 5)).resolves.toEqualTypeOf<string>();
  });

  it('refuses another payload', () => {
    // @ts-expect-error -- `last` is a number
    broadcaster.publish('typed-prices.AAPL', { last: '1' });
    // @ts-expect-error -- a Price has `last`
    broadcaster.publish('typed-prices.AAPL', {});
    // @ts-expect-error -- an excess property is a misspelt one
    broadcaster.publish('typed-prices.AAPL', { last: 1, lst: 2 });
    // @ts-expect-error -- the clock is a number
    broadcaster.publish('typed-clock', 'now');
    // @ts-expect-error -- so is its confirmed publication
    void broadcaster.publishConfirmed('typed-clock', 'now');
    // @ts-expect-error -- a publication has a payload
    broadcaster.publish('typed-clock');
    const symbol = 'AAPL' as string;
    // @ts-expect-error -- a template of a declared pattern is checked as well
    broadcaster.publish(`typed-prices.${symbol}` as const, 'text');
  });

  it('takes anything on a topic that is not declared, and on a dynamic name', () => {
    broadcaster.publish('undeclared', { any: 'thing' });
    broadcaster.publish(anyName, 5);
    broadcaster.publish(anyName, undefined);
  });

  it('gives the declared type back from history', async () => {
    expectTypeOf(broadcaster.history('typed-prices.AAPL')).resolves.toEqualTypeOf<History<Price>>();
    expectTypeOf((await broadcaster.history('typed-clock')).publications[0]!.data).toEqualTypeOf<number>();
    expectTypeOf((await broadcaster.history(anyName)).publications[0]!.data).toBeUnknown();
    expectTypeOf((await broadcaster.history('undeclared', 'e:1')).publications[0]!.data).toBeUnknown();
  });

  it('takes a connection or an id to except, and a connection or a user as target', () => {
    broadcaster.publish('undeclared', 1, { except: { id: 'x' } });
    // @ts-expect-error -- a number is no connection id
    broadcaster.publish('undeclared', 1, { except: 5 });
    void broadcaster.disconnect({ user: 7 });
    // @ts-expect-error -- a target is a connection or a user
    void broadcaster.disconnect({ topic: 'x' });
    // @ts-expect-error -- a close has a code
    void broadcaster.disconnect({ user: 7 }, { reason: 'bye' });
  });
});

describe('topicName', () => {
  it('takes a value for each name of the pattern', () => {
    topicName('rooms.:room.users.:user', { room: 7, user: 'a.b' });
    topicName('clock', {});
    topicName('a.:big', { big: 5n });
    const order = { id: 7, total: 5 };
    topicName('orders.:id', order);
    topicName(anyName, { any: 'thing' });
  });

  it('refuses a name that is missing, misspelt or of another type', () => {
    // @ts-expect-error -- the user is missing
    topicName('rooms.:room.users.:user', { room: 7 });
    // @ts-expect-error -- an excess property is a misspelt one
    topicName('prices.:symbol', { symbol: 'a', symbl: 'a' });
    // @ts-expect-error -- a topic has no dates
    topicName('prices.:symbol', { symbol: new Date() });
    // @ts-expect-error -- nor what may be missing
    topicName('prices.:symbol', { symbol: undefined as string | undefined });
  });

  it('gives a topic that is typed as those of its pattern', () => {
    const name = topicName('typed-prices.:symbol', { symbol: 'BRK.B' });
    expectTypeOf(name).toEqualTypeOf<`typed-prices.${string}`>();
    expectTypeOf(topicName('clock', {})).toEqualTypeOf<'clock'>();
    expectTypeOf(topicName(anyName, {})).toEqualTypeOf<string>();
    expectTypeOf<TopicData<typeof name>>().toEqualTypeOf<Price>();
    broadcaster.publish(name, { last: 1 });
    // @ts-expect-error -- `last` is a number
    broadcaster.publish(name, { last: '1' });
    broadcaster.publish(topicName('typed-prices.:symbol.depth', { symbol: 'a' }), [1]);
  });
});
