import { describe, expect, it } from 'vitest';
import { topicName } from '../../../lib/topic/filled-topic.js';
import { TopicPattern } from '../../../lib/topic/topic-pattern.js';

describe('topicName', () => {
  it('puts each value in one segment, whatever is in it', () => {
    expect(topicName('prices.:symbol', { symbol: 'BRK.B' })).toBe('prices.BRK~2EB');
    expect(topicName('rooms.:room.users.:user', { room: 7, user: 'jane@example.com' })).toBe(
      'rooms.7.users.jane@example~2Ecom',
    );
    expect(topicName('clock~x', {})).toBe('clock~x');
  });

  it('gives a topic of its pattern, with the values', () => {
    const params = { room: 'a.b:c d', user: '::1' };
    const name = topicName('rooms.:room.users.:user', params);
    expect({ ...new TopicPattern('rooms.:room.users.:user').paramsOf(name) }).toEqual(params);
  });

  it('looks at nothing but the names of the pattern', () => {
    const order = { id: 5, total: {} };
    expect(topicName('orders.:id', order)).toBe('orders.5');
  });

  it.each([{}, { symbol: '' }, { symbol: NaN }, { symbol: null }, { symbol: '\uD800' }, undefined, null])(
    'refuses %j, and says which value is missing',
    params => {
      const act = (): unknown => topicName('prices.:symbol', params as never);
      expect(act).toThrow(expect.objectContaining({ code: 'FANOUT_TOPIC_VALUE' }));
      expect(act).toThrow('topicName("prices.:symbol") needs text');
    },
  );

  it.each(['constructor', '__proto__', 'toString'])('takes no inherited %s for a value', name => {
    expect(() => topicName(`a.:${name}` as string, {})).toThrow(
      expect.objectContaining({ code: 'FANOUT_TOPIC_VALUE' }),
    );
  });

  it('counts the bytes of the whole topic', () => {
    expect(topicName('a.:b', { b: '.'.repeat(84) })).toHaveLength(254);
    expect(() => topicName('a.:b', { b: '.'.repeat(85) })).toThrow(
      expect.objectContaining({ code: 'FANOUT_TOPIC_NAME' }),
    );
  });

  it.each(['', 'a..b', 'a b', undefined, 5])('refuses %j as a pattern', pattern => {
    expect(() => topicName(pattern as string, {})).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^FANOUT_TOPIC_(NAME|PATTERN)$/) }),
    );
  });
});
