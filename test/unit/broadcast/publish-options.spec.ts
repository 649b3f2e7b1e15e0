import { describe, expect, it } from 'vitest';
import { publishTerms } from '../../../lib/broadcast/broadcaster.js';

const refusal = (text: string): object =>
  expect.objectContaining({
    code: 'FANOUT_PUBLISH_OPTION',
    message: expect.stringContaining(text) as string,
  });

describe('publishTerms', () => {
  it('is nothing without options', () => {
    expect(publishTerms({})).toEqual({ except: undefined, ttl: 0, key: undefined });
  });

  it.each(['x', { id: 'x' }])('takes %j for the connection to leave out', except => {
    expect(publishTerms({ except }).except).toBe('x');
  });

  it.each([Number.MIN_VALUE, 0.5, 5000, 2 ** 31 - 1])('takes the ttl %d', ttl => {
    expect(publishTerms({ ttl }).ttl).toBe(ttl);
  });

  it.each([0, -1, NaN, Infinity, 2 ** 31, '5', null, 5n])('refuses the ttl %s', ttl => {
    expect(() => publishTerms({ ttl: ttl as number })).toThrow(
      refusal('"ttl" of a publication must be a number of milliseconds above 0 and up to 2147483647; got'),
    );
  });

  it.each(['k', 'x'.repeat(255), ' ', '\u0000'])('takes the idempotency key %j', idempotencyKey => {
    expect(publishTerms({ idempotencyKey }).key).toBe(idempotencyKey);
  });

  it.each(['', 'x'.repeat(256), 5, null, {}, Symbol('k')])(
    'refuses the idempotency key %o',
    idempotencyKey => {
      expect(() => publishTerms({ idempotencyKey: idempotencyKey as string })).toThrow(
        refusal('"idempotencyKey" of a publication must be a string of 1 to 255 characters; got'),
      );
    },
  );
});
