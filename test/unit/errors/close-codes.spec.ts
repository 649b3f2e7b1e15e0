import { describe, expect, it } from 'vitest';
import { assertClose } from '../../../lib/connection/close.js';
import { CLOSE } from '../../../lib/errors/close-codes.js';

const closes = Object.entries(CLOSE);

describe('CLOSE', () => {
  it('is this table: codes are API', () => {
    expect(Object.fromEntries(closes.map(([name, { code }]) => [name, code]))).toEqual({
      HOOK_FAILED: 1011,
      SHUTDOWN: 1012,
      SLOW: 4001,
      HEARTBEAT: 4002,
      HANDSHAKE_TIMEOUT: 4008,
      REMOVED: 4500,
    });
  });

  it('uses each code once', () => {
    expect(new Set(closes.map(([, { code }]) => code)).size).toBe(closes.length);
  });

  it.each(closes)('%s is in a range that tells the client what to do, and may be sent', (_, close) => {
    expect(close.code === 1011 || close.code === 1012 || (close.code >= 4000 && close.code <= 4999)).toBe(
      true,
    );
    expect(close.reason).not.toBe('');
    expect(() => assertClose(close)).not.toThrow();
  });

  it('tells a removed client to stay away, and a slow one to come back', () => {
    expect(CLOSE.REMOVED.code).toBeGreaterThanOrEqual(4500);
    for (const { code } of [CLOSE.SLOW, CLOSE.HEARTBEAT, CLOSE.HANDSHAKE_TIMEOUT]) {
      expect(code).toBeLessThan(4500);
    }
  });
});
