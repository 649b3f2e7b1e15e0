import { describe, expect, it } from 'vitest';
import { gapText } from '../../../lib/wire/gap-frame.js';

const NAME = 'a.B~1@_-';
const data = { topic: NAME, from: 3, to: 9, position: 'Ab-_1.z:9' };

describe('gapText', () => {
  it.each(['slow', 'expired', 'except'] as const)(
    'is what JSON.stringify makes of it, with reason %s',
    reason => {
      const frame = { event: 'gap', data: { ...data, reason } };
      expect(gapText(NAME, 'Ab-_1.z', 3, 9, reason)).toBe(JSON.stringify(frame));
    },
  );

  it.each([null, 0, '', 'é"', { a: [1] }])('takes the snapshot %j', snapshot => {
    const frame = { event: 'gap', data: { ...data, reason: 'slow', snapshot } };
    expect(gapText(NAME, 'Ab-_1.z', 3, 9, 'slow', snapshot)).toBe(JSON.stringify(frame));
  });
});
