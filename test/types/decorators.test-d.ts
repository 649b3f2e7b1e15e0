import { Publish, Topic, TopicParam, type TopicOptions } from 'nestjs-fanout';
import { EMPTY, type Observable } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
// Declares topics whose names begin with `typed-`.
import './topics.test-d.js';

interface Price {
  readonly last: number;
}

describe('@Topic', () => {
  it('takes a snapshot or a source of the declared type, and no snapshot', () => {
    class Gateway {
      @Topic('typed-prices.:symbol')
      list(): Price[] {
        return [];
      }

      @Topic('typed-prices.:symbol')
      snapshot(@TopicParam('symbol') _symbol: string): Price {
        return { last: 1 };
      }

      @Topic('typed-prices.:other')
      async later(): Promise<Price | undefined> {
        return undefined;
      }

      @Topic('typed-clock')
      source(): Observable<number> {
        return EMPTY;
      }

      @Topic('typed-clock')
      async *values(): AsyncGenerator<number> {
        yield 1;
      }

      @Topic('typed-clock')
      nothing(): void {}

      @Topic('undeclared.:id')
      anything(): string {
        return '';
      }
    }
    expectTypeOf<Gateway>().toBeObject();
  });

  it('refuses a result of another type', () => {
    class Gateway {
      // @ts-expect-error -- a Price has `last`
      @Topic('typed-prices.:symbol')
      snapshot(): { first: number } {
        return { first: 1 };
      }

      // @ts-expect-error -- the same in a promise
      @Topic('typed-prices.:symbol')
      async later(): Promise<string> {
        return '';
      }

      // @ts-expect-error -- the clock is a number
      @Topic('typed-clock')
      source(): Observable<string> {
        return EMPTY;
      }
    }
    expectTypeOf<Gateway>().toBeObject();
  });
});

describe('conflate', () => {
  it('gets the declared payload, and any payload of other topics', () => {
    Topic('typed-prices.:symbol', { conflate: price => price.last });
    Topic('typed-prices.:symbol', { conflate: true });
    Topic('undeclared', { conflate: data => data.anything });
    // @ts-expect-error -- a Price has no `lst`
    Topic('typed-prices.:symbol', { conflate: price => price.lst });
    expectTypeOf<TopicOptions>().toEqualTypeOf<TopicOptions<any>>();
  });
});

describe('@TopicParam', () => {
  it('takes any name, and only the names of a pattern that is given', () => {
    TopicParam('symbol');
    TopicParam('undeclared');
    TopicParam<'rooms.:room.:user'>('user');
    // @ts-expect-error -- the pattern has no such parameter
    TopicParam<'rooms.:room.:user'>('usr');
  });
});

describe('@Publish', () => {
  it('takes results of the declared type, and nothing', () => {
    class Feed {
      @Publish('typed-prices.:symbol')
      async price(): Promise<Price | undefined> {
        return { last: 1 };
      }

      @Publish('typed-clock')
      ticks(): Observable<number> {
        return EMPTY;
      }

      @Publish('undeclared')
      anything(): string {
        return '';
      }

      @Publish((result: { id: string }) => `orders.${result.id}`)
      named(): { id: string } {
        return { id: '7' };
      }
    }
    expectTypeOf<Feed>().toBeObject();
  });

  it('refuses a result of another type', () => {
    class Feed {
      // @ts-expect-error -- a Price has `last`
      @Publish('typed-prices.:symbol')
      price(): { first: number } {
        return { first: 1 };
      }

      // @ts-expect-error -- the clock is a number
      @Publish('typed-clock')
      ticks(): Observable<string> {
        return EMPTY;
      }
    }
    expectTypeOf<Feed>().toBeObject();
  });
});
