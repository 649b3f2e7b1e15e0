import { describe, expect, it } from 'vitest';
import { assertClose } from '../../../lib/connection/close.js';
import { FANOUT_ERRORS } from '../../../lib/errors/fanout-error.js';

const refused = expect.objectContaining({ code: 'FANOUT_CLOSE' });

/** The codes that the error names as good, read from its sentence: "1000 to 1003, 1007 to 1014 or 3000 to 4999". */
function codesInSentence(): Set<number> {
  const list = /must be (.+) and its reason/.exec(FANOUT_ERRORS.FANOUT_CLOSE)![1]!;
  const codes = new Set<number>();
  for (const part of list.split(/, | or /)) {
    const [from, to = from] = part.split(' to ').map(Number);
    for (let code = from!; code <= to!; code++) codes.add(code);
  }
  return codes;
}

describe('assertClose', () => {
  it('takes exactly the codes that its error names', () => {
    const named = codesInSentence();
    for (let code = 0; code <= 5100; code++) {
      const check = (): void => assertClose({ code, reason: '' });
      if (named.has(code)) expect(check, String(code)).not.toThrow();
      else expect(check, String(code)).toThrow(refused);
    }
  });

  it.each([1004, 1005, 1006, 1015, 999, 2999, 5000, 4000.5, Number.NaN, '1000', null, undefined])(
    'refuses the code %j, which may not be sent',
    code => {
      expect(() => assertClose({ code: code as number, reason: '' })).toThrow(refused);
    },
  );

  it('takes a reason of 123 bytes, counted in UTF-8, and none longer', () => {
    expect(() => assertClose({ code: 4000, reason: 'x'.repeat(123) })).not.toThrow();
    expect(() => assertClose({ code: 4000, reason: `${'é'.repeat(61)}x` })).not.toThrow();
    expect(() => assertClose({ code: 4000, reason: 'é'.repeat(62) })).toThrow(refused);
  });

  it.each([undefined, null, 5, {}, Buffer.from('x'), new Uint8Array(8), ['x']])(
    'refuses the reason %j, which is no string: ws would send memory',
    reason => {
      expect(() => assertClose({ code: 4000, reason: reason as string })).toThrow(refused);
    },
  );

  it.each([undefined, null, 1000, 'bye'])('refuses %j, which is no close', close => {
    expect(() => assertClose(close as never)).toThrow(refused);
  });
});
