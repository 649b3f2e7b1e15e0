import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../../lib/errors/refusals.js';
import { GuardRefusal } from '../../../../lib/gateway/nest/guard-refusal.js';
import { CountedRefusal } from '../../../../lib/gateway/session/counted-refusal.js';
import { causeOf } from '../../../../lib/gateway/session/refusal-causes.js';

describe('causeOf', () => {
  it.each([
    [new Refusal('BAD_MESSAGE'), 'message'],
    [new Refusal('UNKNOWN_TOPIC', 't'), 'topic'],
    [new Refusal('TOO_MANY_TOPICS'), 'topics-per-connection'],
    [new Refusal('BUSY', 't'), undefined],
    [new GuardRefusal(), 'denied'],
    [new Error('an error of the application'), undefined],
    [undefined, undefined],
  ])('of %o is %o', (error, cause) => {
    expect(causeOf(error)).toBe(cause);
  });

  it('is the one that a refusal names itself, whatever its code', () => {
    const refusal = new CountedRefusal('BAD_MESSAGE', 'topics', 't');
    expect(causeOf(refusal)).toBe('topics');
    expect(refusal).toMatchObject({ code: 'BAD_MESSAGE', topic: 't' });
  });
});
