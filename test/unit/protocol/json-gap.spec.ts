import { describe, expect, it } from 'vitest';
import { gapText, snapshotMember } from '../../../lib/protocol/json-gap.js';

const NAME = 'a.B~1@_-';
const ORIGIN = { name: NAME, epoch: 'Ab-_1.z' };
const data = { topic: NAME, from: 3, to: 9, position: 'Ab-_1.z:9' };

describe('gapText', () => {
  it.each(['slow', 'expired', 'except'] as const)(
    'is what JSON.stringify makes of it, with reason %s',
    reason => {
      const frame = { event: 'gap', data: { ...data, reason } };
      expect(gapText(ORIGIN, { from: 3, to: 9, reason })).toBe(JSON.stringify(frame));
    },
  );

  it.each([null, 0, '', 'é"', { a: [1] }])('takes the snapshot %j', snapshot => {
    const frame = { event: 'gap', data: { ...data, reason: 'slow', snapshot } };
    expect(gapText(ORIGIN, { from: 3, to: 9, reason: 'slow' }, snapshot)).toBe(JSON.stringify(frame));
  });
});

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
