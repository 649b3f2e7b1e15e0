import { describe, expect, it } from 'vitest';
import {
  assertTopicName,
  isPresenceName,
  isTopicName,
  MAX_TOPIC_BYTES,
  PRESENCE_SUFFIX,
  presenceNameOf,
  subjectOf,
} from '../../../lib/topic/topic-name.js';

describe('isTopicName', () => {
  it.each([
    'a',
    'prices.AAPL',
    'A-Z.a_z.0~9.@x',
    `${'a'.repeat(127)}.${'b'.repeat(127)}`,
    'clock~presence',
    '__proto__',
  ])('takes %j', name => {
    expect(isTopicName(name)).toBe(true);
  });

  it.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a b',
    'a/b',
    'a:b',
    ':a',
    'a*',
    'é',
    'a\n',
    'a\u0000',
    'a'.repeat(MAX_TOPIC_BYTES + 1),
    null,
    undefined,
    1,
    {},
    ['a'],
    new String('a'),
  ])('refuses %j', name => {
    expect(isTopicName(name)).toBe(false);
    expect(() => assertTopicName(name)).toThrow(expect.objectContaining({ code: 'FANOUT_TOPIC_NAME' }));
  });

  it('takes exactly the 66 characters and the dot', () => {
    const taken = Array.from({ length: 0x250 }, (_, i) => String.fromCharCode(i)).filter(c =>
      isTopicName(`a${c}a`),
    );
    expect(taken.join('')).toBe('-.0123456789@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~');
  });
});

describe('assertTopicName', () => {
  it('shows what it got, not all of it', () => {
    expect(() => assertTopicName('a b')).toThrow("got 'a b'.");
    expect(() => assertTopicName('!'.repeat(5000))).toThrow(/^.{1,300}$/);
  });
});

describe('subjectOf', () => {
  it('gives the topic back whose presence it is, if there can be such a topic', () => {
    for (const topic of ['clock', 'prices.AAPL', 'clock~presence'])
      expect(subjectOf(presenceNameOf(topic))).toBe(topic);
    for (const name of ['clock', '~presence', 'prices.~presence', 'clock~presence.a'])
      expect(subjectOf(name)).toBeUndefined();
  });
});

describe('isPresenceName', () => {
  it('tells the topic of a presence, whose name is that of the topic with the suffix', () => {
    const names = ['clock', `clock${PRESENCE_SUFFIX}`, 'clock~presence.a', '~presence', 'clock.presence'];
    expect(names.filter(isPresenceName)).toEqual(['clock~presence', '~presence']);
    expect(isTopicName(`prices.AAPL${PRESENCE_SUFFIX}`)).toBe(true);
  });
});
