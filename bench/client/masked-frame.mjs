import { randomBytes } from 'node:crypto';

export const TEXT = 1;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;
const NORMAL_CLOSURE = Buffer.from([0x03, 0xe8]); // 1000

/** A frame as clients must send it: masked (RFC 6455, 5.3), up to 64 KiB. */
export function maskedFrame(opcode, payload) {
  if (payload.length > 65_535) throw new Error('the benchmark client sends frames of 64 KiB at most');
  const mask = randomBytes(4);
  const short = payload.length < 126;
  const header = short ? 2 : 4;
  const frame = Buffer.allocUnsafe(header + 4 + payload.length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (short ? payload.length : 126);
  if (!short) frame.writeUInt16BE(payload.length, 2);
  mask.copy(frame, header);
  for (let i = 0; i < payload.length; i++) frame[header + 4 + i] = payload[i] ^ mask[i & 3];
  return frame;
}

/** The frame by which a client that is done says so. */
export function closeFrame() {
  return maskedFrame(CLOSE, NORMAL_CLOSURE);
}
