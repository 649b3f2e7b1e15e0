import { describe, expect, it } from 'vitest';
import { connectionId } from '../../../lib/connection/connection-id.js';

describe('connectionId', () => {
  it('is 22 characters of base64url, never the same twice, also over the end of what was drawn', () => {
    const ids = Array.from({ length: 2000 }, connectionId);
    for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/);
    expect(new Set(ids).size).toBe(2000);
  });

  it('is 128 bits, each of them random', () => {
    const bytes = Array.from({ length: 2000 }, () => Buffer.from(connectionId(), 'base64url'));
    for (let bit = 0; bit < 128; bit++) {
      const ones = bytes.filter(id => (id[bit >> 3]! >> (bit & 7)) & 1).length;
      // Eleven standard deviations: this fails once in 10^27 runs.
      expect(Math.abs(ones - 1000)).toBeLessThan(250);
    }
    expect(bytes.every(({ length }) => length === 16)).toBe(true);
  });
});
