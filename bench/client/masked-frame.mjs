import { randomBytes } from 'node:crypto';

export const TEXT = 1;
export const CLOSE = 8;
export const PONG = 10;

/** A frame as clients must send it: masked (RFC 6455, 5.3). For the short ones only: subscribe, pong, close. */
export function maskedFrame(opcode, payload) {
  if (payload.length > 125) throw new Error('the benchmark client sends short frames only');
  const mask = randomBytes(4);
  const frame = Buffer.allocUnsafe(6 + payload.length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | payload.length;
  mask.copy(frame, 2);
  for (let i = 0; i < payload.length; i++) frame[6 + i] = payload[i] ^ mask[i & 3];
  return frame;
}
