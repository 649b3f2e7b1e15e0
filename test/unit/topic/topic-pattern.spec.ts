import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopicPattern, TopicPatterns } from '../../../lib/topic/topic-pattern.js';

function patterns(...texts: string[]): TopicPatterns<string> {
  const all = new TopicPatterns<string>();
  for (const text of texts) expect(all.add(new TopicPattern(text), text)).toBeUndefined();
  return all;
}

describe('TopicPattern', () => {
  it.each(['a', 'prices.:symbol', ':all', ':a.:b', 'a.:_x9.b-c', ':__proto__'])('takes %j', text => {
    expect(new TopicPattern(text).text).toBe(text);
  });

  it.each([
    '',
    '.',
    'a.',
    'a..b',
    ':',
    'a.:',
    ':9a',
    ':a-b',
    'a:b',
    ':a.:a',
    'a b',
    'a.*',
    'é',
    `a.${'b'.repeat(254)}`,
    undefined,
    null,
    1,
    {},
  ])('refuses %j', text => {
    expect(() => new TopicPattern(text as string)).toThrow(
      expect.objectContaining({ code: 'FANOUT_TOPIC_PATTERN' }),
    );
  });

  describe('#paramsOf', () => {
    it('gives each parameter its segment', () => {
      expect({ ...new TopicPattern('a.:b.c.:d').paramsOf('a.1.c.x-y') }).toEqual({ b: '1', d: 'x-y' });
    });

    it('decodes what topicName() has encoded', () => {
      expect({ ...new TopicPattern('a.:b').paramsOf('a.BRK~2EB') }).toEqual({ b: 'BRK.B' });
    });

    it('has no inherited names, and takes __proto__ as a name like any other', () => {
      const params = new TopicPattern(':__proto__.:b').paramsOf('x.y');
      expect(params['constructor']).toBeUndefined();
      expect(Object.keys(params)).toEqual(['__proto__', 'b']);
      expect(params['__proto__']).toBe('x');
    });
  });

  describe('#fill', () => {
    it('is the reverse of paramsOf', () => {
      const pattern = new TopicPattern('a.:b.c.:d');
      const params = pattern.paramsOf('a.1.c.2');
      expect(pattern.fill(name => params[name]!)).toBe('a.1.c.2');
    });
  });
});

describe('TopicPatterns', () => {
  describe('#find', () => {
    it.each([
      ['prices.AAPL', 'prices.AAPL'],
      ['prices.MSFT', 'prices.:symbol'],
      ['prices.MSFT.bid', 'prices.:symbol.bid'],
      ['prices.AAPL.bid', 'prices.AAPL.:side'],
      ['prices.AAPL.ask', 'prices.AAPL.:side'],
      ['orders.1', ':kind.:id'],
      ['prices', ':one'],
    ])('takes %s to %s', (name, text) => {
      const all = patterns(
        ':one',
        ':kind.:id',
        'prices.:symbol',
        'prices.AAPL',
        'prices.:symbol.bid',
        'prices.AAPL.:side',
      );
      expect(all.find(name)?.route).toBe(text);
    });

    it('lets a literal win over a parameter from left to right, whatever was added first', () => {
      for (const texts of [
        ['a.:x', ':y.b'],
        [':y.b', 'a.:x'],
      ]) {
        expect(patterns(...texts).find('a.b')?.route).toBe('a.:x');
        expect(patterns(...texts).find('c.b')?.route).toBe(':y.b');
      }
    });

    it('goes back when the literal branch leads nowhere', () => {
      const all = patterns('a.b.c', ':x.b.:z', 'a.:y.d');
      expect(all.find('a.b.d')?.route).toBe('a.:y.d');
      expect(all.find('a.b.e')?.route).toBe(':x.b.:z');
    });

    it('matches whole names only, and exactly', () => {
      const all = patterns('a.b', 'x.:y.z');
      for (const name of ['a', 'a.b.c', 'A.b', 'x.y', 'x.y.z.w', '', '__proto__', 'constructor'])
        expect(all.find(name)).toBeUndefined();
    });

    it.each(['a.~41', 'a.~2e', 'a.x~', 'a.~C3', 'a.b~presence'])(
      'takes %s to no parameter, because no value is written so',
      name => {
        expect(patterns('a.:b').find(name)).toBeUndefined();
        expect(patterns('a.:b', name).find(name)?.route).toBe(name);
      },
    );

    it('agrees with trying every pattern by itself', () => {
      const segment = fc.constantFrom('a', 'b', 'c');
      const patternText = fc
        .array(fc.oneof(segment, fc.constant(':')), { minLength: 1, maxLength: 4 })
        .map(segments => segments.map((text, i) => (text === ':' ? `:p${i}` : text)).join('.'));
      const topic = fc.array(segment, { minLength: 1, maxLength: 4 }).map(segments => segments.join('.'));
      // Literals sort before the parameter, so the first match in this order is the one that wins.
      const rank = (text: string): string => text.replaceAll(/:p\d/g, '~');
      fc.assert(
        fc.property(fc.uniqueArray(patternText, { maxLength: 12 }), topic, (texts, name) => {
          const matching = texts
            .filter(text =>
              new RegExp(`^${text.replaceAll('.', '\\.').replaceAll(/:p\d/g, '[^.]+')}$`).test(name),
            )
            .sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
          expect(patterns(...texts).find(name)?.route).toBe(matching[0]);
        }),
      );
    });
  });

  describe('#add', () => {
    it('gives the route that is there when two patterns cannot be told apart, and keeps it', () => {
      const all = patterns('a.:b');
      expect(all.add(new TopicPattern('a.:c'), 'second')?.route).toBe('a.:b');
      expect(all.add(new TopicPattern('a.:b'), 'third')?.route).toBe('a.:b');
      expect(all.find('a.x')?.route).toBe('a.:b');
    });
  });
});
