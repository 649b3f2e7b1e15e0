import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import { Topic, topicsOf } from '../../../../lib/gateway/nest/topic.decorator.js';
import { resolveTopicOptions } from '../../../../lib/options/resolve-topic-options.js';

class Base {
  @Topic('clock')
  clock(): void {}

  @Topic('prices.:symbol', { history: 100 })
  prices(): void {}
}

class Child extends Base {
  @Topic('clocks.:zone')
  override clock(): void {}

  @Topic('orders')
  orders(): void {}
}

const described = (metatype: object): unknown =>
  Object.fromEntries(
    topicsOf(metatype).map(({ method, pattern, options }) => [method, [pattern.text, options.history.size]]),
  );

describe('Topic', () => {
  it('notes pattern and options of each method, and keeps no history by default', () => {
    expect(described(Base)).toEqual({ clock: ['clock', 0], prices: ['prices.:symbol', 100] });
  });

  it('is inherited, and an override replaces it for the child alone', () => {
    expect(described(Child)).toEqual({
      clock: ['clocks.:zone', 0],
      prices: ['prices.:symbol', 100],
      orders: ['orders', 0],
    });
    expect(described(Base)).toHaveProperty('clock', ['clock', 0]);
  });

  it('is nothing on a class without', () => {
    expect(topicsOf(class {})).toEqual([]);
  });

  it('may be on one method several times', () => {
    class Twice {
      @Topic('a')
      @Topic('b.:c')
      both(): void {}
    }
    expect(
      topicsOf(Twice)
        .map(({ method, pattern }) => [method, pattern.text])
        .sort(),
    ).toEqual([
      ['both', 'a'],
      ['both', 'b.:c'],
    ]);
  });

  it.each(['', 'a b', 'a.:', ':a.:a', 'a.*'])('refuses the pattern %j where it is written', pattern => {
    expect(() => Topic(pattern)).toThrow(expect.objectContaining({ code: 'FANOUT_TOPIC_PATTERN' }));
  });

  it('notes every option as it is resolved', () => {
    const info = (): string => 'x';
    class Quotes {
      @Topic('quotes', { conflate: true, every: 250, presence: info })
      quotes(): void {}
    }
    const expected = resolveTopicOptions({ conflate: true, every: 250, presence: info });
    expect(topicsOf(Quotes).map(({ options }) => options)).toEqual([expected]);
  });

  it.each([
    [{ history: -1 }, 'FANOUT_OPTION'],
    [{ histroy: 5 }, 'FANOUT_OPTION_UNKNOWN'],
    [null, 'FANOUT_OPTION'],
  ])('refuses the options %j where they are written', (options, code) => {
    expect(() => Topic('a', options as never)).toThrow(expect.objectContaining({ code }));
  });
});
