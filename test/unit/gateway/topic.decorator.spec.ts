import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import { Topic, topicsOf } from '../../../lib/gateway/topic.decorator.js';

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
    topicsOf(metatype).map(({ method, pattern, history }) => [method, [pattern.text, history]]),
  );

describe('Topic', () => {
  it('notes pattern and history of each method, and keeps no history by default', () => {
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

  it.each([-1, 1.5, Number.NaN, Infinity, '5', null])('refuses a history of %j', history => {
    expect(() => Topic('a', { history: history as number })).toThrow(
      'Option "history" must be an integer of at least 0 (publications); got ',
    );
  });

  it('refuses an option it does not know', () => {
    expect(() => Topic('a', { histroy: 5 } as never)).toThrow(
      'Option "histroy" does not exist; the options here are history.',
    );
  });
});
