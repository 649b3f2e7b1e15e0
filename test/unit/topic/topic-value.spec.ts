import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTopicName } from '../../../lib/topic/topic-name.js';
import { decodeSegment, encodeSegment, isTopicValue } from '../../../lib/topic/topic-value.js';

const wellFormed = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter(isTopicValue);

describe('encodeSegment', () => {
  it.each<[string | number | bigint, string]>([
    ['AAPL', 'AAPL'],
    ['a_b-c@D9', 'a_b-c@D9'],
    ['BRK.B', 'BRK~2EB'],
    ['jane@example.com', 'jane@example~2Ecom'],
    ['10.0.0.1', '10~2E0~2E0~2E1'],
    ['::1', '~3A~3A1'],
    ['a b', 'a~20b'],
    ['~', '~7E'],
    ['~2E', '~7E2E'],
    ["!*'()%", '~21~2A~27~28~29~25'],
    ['é', '~C3~A9'],
    ['💹', '~F0~9F~92~B9'],
    ['\u0000', '~00'],
    ['\uFEFF', '~EF~BB~BF'],
    ['__proto__', '__proto__'],
    [7, '7'],
    [-1.5, '-1~2E5'],
    [1e21, '1e~2B21'],
    [10n ** 20n, '100000000000000000000'],
  ])('writes %s as %s', (value, segment) => {
    expect(encodeSegment(value)).toBe(segment);
  });

  it('makes one segment of any text, which gives the text back', () => {
    fc.assert(
      fc.property(wellFormed, text => {
        const segment = encodeSegment(text);
        expect(isTopicName(segment)).toBe(true);
        expect(segment).not.toContain('.');
        expect(decodeSegment(segment)).toBe(text);
      }),
    );
  });
});

describe('decodeSegment', () => {
  it.each(['~', '~4', '~41', '~2e', '~2', 'a~zz', '~C3', '~C0~AE', '~ED~A0~80', '~FF', 'x~presence', '~40'])(
    'gives nothing for %s, which no text is written as',
    segment => {
      expect(decodeSegment(segment)).toBeUndefined();
    },
  );

  it('takes no two segments for the same text', () => {
    const segments = fc.array(fc.constantFrom('~', '4', '1', '2', 'E', 'e', 'C', '3', 'A', '9', 'x'), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(segments, parts => {
        const segment = parts.join('');
        const text = decodeSegment(segment);
        if (text !== undefined) expect(encodeSegment(text)).toBe(segment);
      }),
    );
  });
});

describe('isTopicValue', () => {
  it.each(['', NaN, Infinity, -Infinity, undefined, null, true, {}, ['a'], '\uD800', 'a\uDC00b'])(
    'refuses %j',
    value => {
      expect(isTopicValue(value)).toBe(false);
    },
  );

  it.each(['a', ' ', 0, -1, 5n, '💹'])('takes %s', value => {
    expect(isTopicValue(value)).toBe(true);
  });
});
