import { describe, expect, it } from 'vitest';
import { namedTopics, payloads, validNames } from '../../../../lib/gateway/nest/named-topics.js';

const refused = (code: string): object => expect.objectContaining({ code });

describe('namedTopics', () => {
  it('has the topic, or each of the topics once', () => {
    expect([...namedTopics({ topic: 'a' }, 2)]).toEqual(['a']);
    expect([...namedTopics({ topics: ['a', 'b', 'a'] }, 3)]).toEqual(['a', 'b']);
  });

  it('does not judge the names', () => {
    expect([...namedTopics({ topics: [1, null] }, 2)]).toEqual([1, null]);
    expect([...namedTopics(undefined, 2)]).toEqual([undefined]);
  });

  it.each([[{ topic: 'a', topics: ['b'] }], [{ topics: [] }]])('refuses %j as a whole', data => {
    expect(() => namedTopics(data, 2)).toThrow(refused('BAD_TOPIC'));
  });

  it('refuses more names than the limit, and always lets one pass', () => {
    expect(() => namedTopics({ topics: ['a', 'b', 'c'] }, 2)).toThrow(refused('TOO_MANY_TOPICS'));
    expect(namedTopics({ topics: ['a'] }, 0).size).toBe(1);
  });
});

describe('validNames', () => {
  it('has the names that are valid, and calls for each of the others', () => {
    let refusals = 0;
    expect(validNames(new Set(['prices.AAPL', '', 7, 'clock']), () => refusals++)).toEqual([
      'prices.AAPL',
      'clock',
    ]);
    expect(refusals).toBe(2);
  });
});

describe('payloads', () => {
  it('names one topic in a new object for each call', () => {
    const data = { topics: ['a', 'b'], since: '1' };
    const make = payloads(data);
    expect([make('a'), make('b')]).toEqual([
      { topic: 'a', since: '1' },
      { topic: 'b', since: '1' },
    ]);
    expect(data.topics).toEqual(['a', 'b']);
  });

  it('copies a message that names one topic', () => {
    const data = { topic: 'a', since: '1' };
    const made = payloads(data)('a');
    expect(made).toEqual(data);
    expect(made).not.toBe(data);
  });
});
