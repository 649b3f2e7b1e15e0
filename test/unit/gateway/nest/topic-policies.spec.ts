import { describe, expect, it } from 'vitest';
import { GatewayTopicPolicies } from '../../../../lib/gateway/nest/topic-policies.js';
import { resolveTopicOptions } from '../../../../lib/options/resolve-topic-options.js';
import type { TopicOptions } from '../../../../lib/options/topic-options.js';
import { TopicPattern } from '../../../../lib/topic/topic-pattern.js';
import type { SlowPolicy } from '../../../../lib/topic/topic-policy.js';

const lines: string[] = [];

type Declared = Record<string, TopicOptions>;

/** The policies of gateways on a path each: the first on `/0`, the second on `/1`, and so on. */
function policies(...gateways: Declared[]): GatewayTopicPolicies {
  return withSlow('catch-up', ...gateways);
}

function withSlow(slow: SlowPolicy, ...gateways: Declared[]): GatewayTopicPolicies {
  const explorer = {
    gateways: gateways.map((topics, i) => ({
      name: `Gateway${i}`,
      port: 0,
      path: `/${i}`,
      topics: Object.entries(topics).map(([text, options], j) => ({
        method: `method${j}`,
        pattern: new TopicPattern(text),
        options: resolveTopicOptions(options),
      })),
    })),
  };
  return new GatewayTopicPolicies(explorer as never, slow, line => lines.push(line));
}

const PLAIN = { ...resolveTopicOptions(), slow: 'catch-up' };
const symbolOf = (data: { symbol: string }): string => data.symbol;

describe('GatewayTopicPolicies', () => {
  it('gives a topic what its pattern says; a literal wins over a parameter', () => {
    const all = policies({
      'prices.:symbol': { history: 100, slow: 'gap' },
      'prices.AAPL': { history: 5, conflate: symbolOf, every: 20, presence: true },
    });
    expect(all.policyOf('prices.MSFT')).toEqual({
      ...resolveTopicOptions({ history: 100 }),
      slow: 'gap',
    });
    expect(all.policyOf('prices.AAPL')).toEqual(
      resolveTopicOptions({ history: 5, conflate: symbolOf, every: 20, presence: true }),
    );
  });

  it('gives a topic without a pattern the plain policy, always the same one', () => {
    const all = policies({ clock: { history: 5 } });
    expect(all.policyOf('unknown')).toEqual(PLAIN);
    expect(all.policyOf('other')).toBe(all.policyOf('unknown'));
    expect(Object.isFrozen(all.policyOf('unknown'))).toBe(true);
  });

  it('makes one policy for each pattern, not for each topic', () => {
    const all = policies({ 'a.:x': { history: 5 } }, { 'a.:y': { history: 9 } });
    expect(all.policyOf('a.b')).toBe(all.policyOf('a.c'));
    expect(Object.isFrozen(all.policyOf('a.b'))).toBe(true);
  });

  describe('slow', () => {
    it.each(['catch-up', 'gap', 'disconnect'] as const)('left out is the policy of all, %s', slow => {
      const all = withSlow(slow, { a: {}, b: { slow: 'gap' }, c: { conflate: true } });
      expect(['a', 'b', 'c', 'unknown'].map(name => all.policyOf(name).slow)).toEqual([
        slow,
        'gap',
        'conflate',
        slow,
      ]);
    });

    it('left out agrees with the same one said', () => {
      const all = withSlow('gap', { a: {} }, { a: { slow: 'gap' } });
      expect(all.policyOf('a').slow).toBe('gap');
      expect(() => withSlow('catch-up', { a: {} }, { a: { slow: 'gap' } }).load()).toThrow('"slow"');
    });
  });

  describe('the same topics on several paths', () => {
    const history = { size: 5, ttl: 2000, bytes: 1000 };

    it.each([
      [5, 9, { size: 9 }],
      [9, 5, { size: 9 }],
      [history, { size: 1, ttl: 1000, bytes: 3000 }, { size: 5, ttl: 2000, bytes: 3000 }],
      [{ size: 1, ttl: 1000, bytes: 3000 }, history, { size: 5, ttl: 2000, bytes: 3000 }],
      // What keeps nothing has bounds too, those of the defaults, but they are nobody's wish.
      [history, 0, history],
      [0, history, history],
    ])('have the larger of each bound of %j and %j', (first, second, expected) => {
      const all = policies({ 'a.:x': { history: first } }, { 'a.:y': { history: second } });
      expect(all.policyOf('a.b').history).toMatchObject(expected);
    });

    it.each([
      ['conflate', { conflate: true }, {}],
      ['conflate', { conflate: symbolOf }, { conflate: (data: { symbol: string }) => data.symbol }],
      ['every', { conflate: true, every: 5 }, { conflate: true }],
      ['slow', { slow: 'gap' }, { slow: 'disconnect' }],
      ['presence', { presence: true }, {}],
      ['presence', { presence: true }, { presence: () => 1 }],
      ['presence', { presence: { members: 5 } }, { presence: { members: 6 } }],
      ['presence', { presence: { debounce: 5 } }, { presence: { debounce: 6 } }],
    ] as [string, TopicOptions, TopicOptions][])('are refused when %s differs: %j, %j', (option, a, b) => {
      for (const [first, second] of [
        [a, b],
        [b, a],
      ]) {
        const all = policies({ 'a.:x': first! }, { 'a.:y': second! });
        const expected = expect.objectContaining({
          code: 'FANOUT_TOPIC_CONFLICT',
          message: expect.stringContaining(
            `"a.:x" (Gateway0.method0) and "a.:y" (Gateway1.method0) match the same topics, but their options "${option}"`,
          ) as string,
        }) as object;
        expect(() => all.load()).toThrow(expected);
        expect(() => all.policyOf('other')).toThrow(expected);
      }
    });

    it('agree when they say the same, in whatever form', () => {
      const info = (): number => 1;
      const options = { conflate: symbolOf, every: 5, presence: info } as const;
      const all = policies(
        { a: options },
        { a: { ...options, presence: { info, debounce: 200 }, slow: 'conflate' } },
      );
      expect(all.policyOf('a')).toEqual(resolveTopicOptions(options));
      expect(() => policies({ a: { conflate: true } }, { a: { conflate: true } }).load()).not.toThrow();
    });
  });

  describe('patterns of several paths that only overlap', () => {
    const all = policies(
      { 'a.:x': { history: { size: 100, ttl: 1000, bytes: 50 }, slow: 'gap' } },
      { 'a.b': { history: { size: 5, ttl: 2000, bytes: 10 }, conflate: true } },
      { 'a.:x.c': { history: 7 } },
    );

    it('need not agree: the literal decides, and the longest history serves all', () => {
      expect(all.policyOf('a.b')).toMatchObject({
        slow: 'conflate',
        history: { size: 100, ttl: 2000, bytes: 50 },
      });
    });

    it('are left as they are on topics that only one matches', () => {
      expect(all.policyOf('a.c')).toMatchObject({
        slow: 'gap',
        history: { size: 100, ttl: 1000, bytes: 50 },
      });
      expect(all.policyOf('a.b.c').history.size).toBe(7);
    });

    it('leave each other alone on one path, where clients are served by one of them', () => {
      const { history } = policies({ 'a.:x': { history: 100 }, 'a.b': { history: 5 } }).policyOf('a.b');
      expect(history.size).toBe(5);
    });
  });

  describe('the topic of a presence', () => {
    it('is plain, though a parameter matches its name', () => {
      const all = policies({ 'prices.:symbol': { history: 100, presence: true }, ':any': { history: 5 } });
      expect(all.policyOf('prices.AAPL~presence')).toEqual(PLAIN);
      expect(all.policyOf('clock~presence')).toEqual(PLAIN);
      expect(all.policyOf('prices.AAPL').presence).toBeDefined();
    });

    it('has the policy of a @Topic that declares it, also beside a parameter with more literals before it', () => {
      const all = policies({ 'prices.:symbol': { history: 100 }, ':any.AAPL~presence': { history: 7 } });
      expect(all.policyOf('prices.AAPL~presence').history.size).toBe(7);
      expect(all.policyOf('prices.MSFT~presence')).toEqual(PLAIN);
    });
  });
});
