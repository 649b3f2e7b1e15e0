import { describe, expect, it } from 'vitest';
import { snapshotMember } from '../../../lib/wire/snapshot-member.js';

const named = { toJSON: () => 'me' };
const refused = { toJSON: () => undefined };

describe('snapshotMember', () => {
  it.each([undefined, null, 0, '', 'tex"t\u2028', {}, [1, undefined], new Date(0), named, refused])(
    'of %j makes an object what JSON.stringify makes of it',
    snapshot => {
      expect(`{"a":1${snapshotMember('t', snapshot)}}`).toBe(JSON.stringify({ a: 1, snapshot }));
    },
  );

  it.each([1n, new Map(), () => {}])('refuses %s, and names the topic', snapshot => {
    expect(() => snapshotMember('t', snapshot)).toThrow(expect.objectContaining({ code: 'FANOUT_SNAPSHOT' }));
    expect(() => snapshotMember('t', snapshot)).toThrow('"t"');
  });
});
