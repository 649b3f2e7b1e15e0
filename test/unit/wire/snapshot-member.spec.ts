import { describe, expect, it } from 'vitest';
import { snapshotMember } from '../../../lib/wire/snapshot-member.js';

const named = { toJSON: (key: string) => `in ${key}` };
const refused = { toJSON: () => undefined };

describe('snapshotMember', () => {
  it.each([undefined, null, 0, '', 'tex"t\u2028', {}, [1, undefined], new Date(0), named, refused, () => {}])(
    'of %j makes an object what JSON.stringify makes of it',
    snapshot => {
      expect(`{"a":1${snapshotMember(snapshot)}}`).toBe(JSON.stringify({ a: 1, snapshot }));
    },
  );

  it('throws what the snapshot throws', () => {
    expect(() => snapshotMember(1n)).toThrow(TypeError);
  });
});
