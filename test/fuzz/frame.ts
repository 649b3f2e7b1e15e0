import { deflateRawSync } from 'node:zlib';

/** A frame of RFC 6455 that may be wrong in each of its parts; what is not given is as a client should send it. */
export interface Frame {
  /** 1 (text) if it is not given. */
  readonly opcode?: number;
  readonly fin?: boolean;
  /** The three reserved bits as a number, RSV1 being 4. */
  readonly rsv?: number;
  readonly masked?: boolean;
  /** latin1, and so often. */
  readonly payload?: string;
  readonly times?: number;
  /** Compresses the payload, as permessage-deflate has it; RSV1 is still to be set. */
  readonly deflated?: boolean;
  /** The length that the header tells, instead of the true one: a decimal number, for it may have 64 bits. */
  readonly declared?: string;
  /** Bits of the length field: 7, 16 or 64. The shortest that holds it, if it is not given. */
  readonly form?: number;
  /** Only so many of its bytes. */
  readonly cut?: number;
}

const MASK = [0x5a, 0xc3, 0x0f, 0x91];
const LONGEST = 2n ** 64n - 1n;

export function bytesOfFrame(frame: Frame): Buffer {
  const { opcode = 1, fin = true, rsv = 0, masked = true, cut } = frame;
  const payload = payloadOf(frame);
  const length = lengthField(BigInt(frame.declared ?? payload.length), frame.form);
  length[0]! |= masked ? 0x80 : 0;
  const first = (fin ? 0x80 : 0) | ((rsv & 7) << 4) | (opcode & 15);
  const body = masked ? Buffer.concat([Buffer.from(MASK), maskedWith(MASK, payload)]) : payload;
  const whole = Buffer.concat([Buffer.from([first]), length, body]);
  return cut === undefined ? whole : whole.subarray(0, cut);
}

function payloadOf({ payload = '', times = 1, deflated = false }: Frame): Buffer {
  const once = Buffer.from(payload, 'latin1');
  const bytes = times === 1 ? once : Buffer.alloc(once.length * times, once);
  // Without the four bytes that end a flushed block (RFC 7692, 7.2.1).
  return deflated ? deflateRawSync(bytes, { finishFlush: 2 }).subarray(0, -4) : bytes;
}

function lengthField(length: bigint, form = length < 126n ? 7 : length < 65_536n ? 16 : 64): Buffer {
  if (form === 7) return Buffer.from([Number(length & 127n)]);
  const field = Buffer.alloc(form === 16 ? 3 : 9);
  field[0] = form === 16 ? 126 : 127;
  if (form === 16) field.writeUInt16BE(Number(length & 0xffffn), 1);
  else field.writeBigUInt64BE(length & LONGEST, 1);
  return field;
}

function maskedWith(mask: readonly number[], payload: Buffer): Buffer {
  const masked = Buffer.from(payload);
  for (let i = 0; i < masked.length; i++) masked[i]! ^= mask[i & 3]!;
  return masked;
}
