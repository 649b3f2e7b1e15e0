import { describe, expect, it } from 'vitest';
import { nearMissLine, NearMisses, publishLine } from '../../../lib/topic/near-miss.js';
import { TopicPattern } from '../../../lib/topic/topic-pattern.js';

const declared = ['prices.:symbol', 'prices.:symbol.depth', 'clock', 'rooms.:room.users.:user'].map(text => ({
  pattern: new TopicPattern(text),
  name: `Market.${text.length}`,
}));

describe('nearMissLine', () => {
  it.each<[string, string]>([
    ['price.AAPL', 'Did you mean "prices.:symbol" (Market.14)?'],
    ['Prices.AAPL', 'Did you mean "prices.:symbol" (Market.14)?'],
    ['PRICES.AAPL', 'Did you mean "prices.:symbol" (Market.14)?'],
    ['prcies.AAPL', 'Did you mean "prices.:symbol" (Market.14)?'],
    ['prices.AAPL.dept', 'Did you mean "prices.:symbol.depth" (Market.20)?'],
    ['room.1.user.2', 'Did you mean "rooms.:room.users.:user" (Market.23)?'],
    ['clocks', 'Did you mean "clock" (Market.5)?'],
    ['prices-AAPL', 'Did you mean "prices.:symbol" (Market.14)? Segments are joined by dots.'],
    ['prices_AAPL', 'Did you mean "prices.:symbol" (Market.14)? Segments are joined by dots.'],
    ['market.prices.AAPL', 'Did you mean "prices.:symbol" (Market.14)?'],
    ['prices.BRK.B', `Build topics with topicName('prices.:symbol`],
    ['prices.10.0.0.1', 'topicName('],
    ['prices', 'It has 1 segments, and "prices.:symbol" (Market.14) has 2'],
    ['prices.~41', `build the topic with topicName('prices.:symbol', …)`],
  ])('says of %s what was meant', (name, meant) => {
    const line = nearMissLine(name, declared);
    expect(line).toContain(`The topic "${name}" is used, and no @Topic() matches it`);
    expect(line).toContain(meant);
  });

  it.each(['orders.7', 'news', 'a', 'time', 'users.7', 'stock.AAPL', 'internal.jobs.7'])(
    'says nothing of %s, which is another topic',
    name => {
      expect(nearMissLine(name, declared)).toBeUndefined();
    },
  );

  it('says nothing where nothing is declared', () => {
    expect(nearMissLine('prices.AAPL', [])).toBeUndefined();
  });
});

describe('NearMisses', () => {
  it('writes one line for each first segment and number of segments', () => {
    const lines: string[] = [];
    const misses = new NearMisses(declared, line => lines.push(line));
    for (const name of ['price.A', 'price.B', 'price.C', 'price.A.depth', 'other', 'other'])
      misses.look(name);
    expect(lines.map(line => line.slice(0, 25))).toEqual([
      'The topic "price.A" is us',
      'The topic "price.A.depth"',
    ]);
  });

  it('stops after twenty lines', () => {
    const lines: string[] = [];
    const misses = new NearMisses(declared, line => lines.push(line));
    for (let i = 0; i < 100; i++) misses.look(`prices-${i}`);
    expect(lines).toHaveLength(20);
  });

  it('does not look at more than a thousand names, so that it keeps no more', () => {
    const lines: string[] = [];
    const misses = new NearMisses(declared, line => lines.push(line));
    for (let i = 0; i < 1000; i++) misses.look(`anything${i}.else.of.the.application`);
    misses.look('price.AAPL');
    expect(lines).toEqual([]);
  });
});

describe('publishLine', () => {
  const line = (text: string): string | undefined =>
    publishLine(new TopicPattern(text), 'Feed.tick', declared);

  it.each(['prices.:symbol', 'prices.AAPL', 'clock', ':any.:symbol', 'rooms.1.users.:user'])(
    'says nothing of %s',
    text => {
      expect(line(text)).toBeUndefined();
    },
  );

  it.each([
    ['price.:symbol', 'Did you mean "prices.:symbol" (Market.14)?'],
    ['orders.:id', 'Add the @Topic()'],
    ['prices.:symbol.:side.x', 'has 4 segments'],
  ])('says of %s that nobody can subscribe to it', (text, meant) => {
    expect(line(text)).toContain(
      `@Publish('${text}') on Feed.tick publishes to topics that no @Topic() matches`,
    );
    expect(line(text)).toContain(meant);
  });

  it('says that a parameter has another name, so that other values are filled in', () => {
    expect(line('prices.:id')).toContain(`@Publish('prices.:id') on Feed.tick and "prices.:symbol"`);
  });
});
