import type { Close } from '../errors/close-codes.js';
import { FanoutError, shown } from '../errors/fanout-error.js';

/** Registered codes that an endpoint may send; 1004 to 1006 and 1015 are for reports only. */
const SENDABLE = new Set([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]);

/**
 * Checks a close before `ws` sends it: some versions send a reason that is not a string as raw memory (CVE-2026-45736).
 * @throws FanoutError FANOUT_CLOSE
 */
export function assertClose(close: Close): void {
  const { code, reason } = close ?? {};
  const codeIsGood = SENDABLE.has(code) || (Number.isInteger(code) && code >= 3000 && code <= 4999);
  if (codeIsGood && typeof reason === 'string' && Buffer.byteLength(reason) <= 123) return;
  throw new FanoutError('FANOUT_CLOSE', shown(close));
}
