import { describe, expect, it } from 'vitest';
import { conflationKey } from '../../../lib/broadcast/topic-broadcaster.js';
import { topicOf } from '../../support/unit/topics.js';

const policyOf = (options?: Parameters<typeof topicOf>[1]) => topicOf('t', options).policy;

const keyOf = (conflate: true | ((data: any) => any), data: unknown): string | undefined =>
  conflationKey('t', policyOf({ conflate }), data);

describe('conflationKey', () => {
  it('is none on a topic that does not conflate', () => {
    expect(conflationKey('t', policyOf(), { id: 1 })).toBeUndefined();
  });

  it('is the same for everything with conflate: true', () => {
    expect(keyOf(true, 1)).toBe(keyOf(true, { other: 'data' }));
    expect(keyOf(true, 1)).toEqual(expect.any(String));
  });

  it.each([
    ['', ''],
    ['AAPL', 'AAPL'],
    [0, '0'],
    [-1.5, '-1.5'],
  ])('of %j is %j', (id, key) => {
    expect(keyOf(data => data.id, { id })).toBe(key);
  });

  it.each([
    [undefined, 'it is undefined'],
    [null, 'it is null'],
    [{}, 'it is {}'],
    [true, 'it is true'],
    [1n, 'it is 1n'],
  ])('refuses %s', (id, text) => {
    const attempt = (): unknown => keyOf(data => data.id, { id });
    expect(attempt).toThrow(expect.objectContaining({ code: 'FANOUT_CONFLATION_KEY' }));
    expect(attempt).toThrow(text);
    expect(attempt).toThrow('"t"');
  });

  it.each([
    ['an Error', new TypeError('no such field'), 'no such field'],
    ['something else', 'nothing', "'nothing'"],
  ])('says what the function threw, %s', (_, thrown, text) => {
    const attempt = (): unknown =>
      keyOf(() => {
        throw thrown;
      }, 1);
    expect(attempt).toThrow(expect.objectContaining({ code: 'FANOUT_CONFLATION_KEY' }));
    expect(attempt).toThrow(text);
  });
});
