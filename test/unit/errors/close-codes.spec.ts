import { describe, expect, it } from 'vitest';
import { assertClose } from '../../../lib/connection/close.js';
import { CLOSE } from '../../../lib/errors/close-codes.js';

const closes = Object.entries(CLOSE);

describe('CLOSE', () => {
  it('is this table: codes are API', () => {
    expect(Object.fromEntries(closes.map(([name, { code }]) => [name, code]))).toEqual({
      UNFINISHED: 1008,
      PING_FLOOD: 1008,
      ABUSE: 1008,
      HOOK_FAILED: 1011,
      SHUTDOWN: 1012,
      SLOW: 4001,
      HEARTBEAT: 4002,
      HANDSHAKE_TIMEOUT: 4008,
      EXPIRED: 4011,
      BUSY: 4013,
      RATE_LIMITED: 4029,
      BANNED: 4030,
      REMOVED: 4500,
      UNAUTHORIZED: 4501,
      FORBIDDEN: 4503,
    });
  });

  it('uses each code of its own once, and never the same words twice', () => {
    const own = closes.filter(([, { code }]) => code >= 4000);
    expect(new Set(own.map(([, { code }]) => code)).size).toBe(own.length);
    expect(new Set(closes.map(([, { reason }]) => reason)).size).toBe(closes.length);
  });

  it.each(closes)('%s is in a range that tells the client what to do, and may be sent', (_, close) => {
    expect([1008, 1011, 1012].includes(close.code) || (close.code >= 4000 && close.code <= 4999)).toBe(true);
    expect(close.reason).not.toBe('');
    expect(() => assertClose(close)).not.toThrow();
  });

  it('tells a removed client to stay away, and a slow one to come back', () => {
    for (const { code } of [CLOSE.REMOVED, CLOSE.UNAUTHORIZED, CLOSE.FORBIDDEN]) {
      expect(code).toBeGreaterThanOrEqual(4500);
    }
    const { SLOW, HEARTBEAT, HANDSHAKE_TIMEOUT, EXPIRED, BUSY, RATE_LIMITED } = CLOSE;
    for (const { code } of [SLOW, HEARTBEAT, HANDSHAKE_TIMEOUT, EXPIRED, BUSY, RATE_LIMITED]) {
      expect(code).toBeLessThan(4500);
    }
  });
});
