import { inflated, parseFrame } from '../support/unit/frames.js';
import type { Moment, Piece } from './virtual-line.js';

/** A message as its receiver has it. */
export interface Message {
  readonly opcode: number;
  readonly payload: Buffer;
  /** Frames that it came in. */
  readonly frames: number;
  /** When the server handed its first byte to the socket. */
  readonly written: Moment;
}

/** A message of which not all frames have come. */
interface Unfinished {
  readonly first: number;
  readonly parts: Buffer[];
  readonly written: Moment;
}

const CONTINUATION = 0;
const TEXT = 1;
const CONTROL = 0x08;
const RSV1 = 0x40;
/** Bytes of the payload of a control frame. */
const MOST_CONTROL = 125;

/** Cuts a stream of bytes into WebSocket messages, RFC 6455 section 5.4. A last one that is not whole is never seen. */
export class FrameReader {
  readonly #deflate: boolean;
  #pieces: Piece[] = [];
  #bytes = 0;
  /** Bytes that the frame at the head takes, as far as is known. */
  #needed = 2;
  #unfinished: Unfinished | undefined;

  /** @param deflate whether permessage-deflate was agreed to */
  constructor(deflate: boolean) {
    this.#deflate = deflate;
  }

  /** Whether a frame or a message has not arrived whole. */
  get isAmidst(): boolean {
    return this.#bytes > 0 || this.#unfinished !== undefined;
  }

  *push(piece: Piece): Generator<Message> {
    if (piece.bytes.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.bytes.length;
    while (this.#bytes >= this.#needed) {
      const all = this.#join();
      const size = frameSize(all);
      if (size === undefined || size > this.#bytes) {
        this.#needed = size ?? this.#bytes + 1;
        return;
      }
      const message = this.#frame(all.subarray(0, size));
      if (message !== undefined) yield message;
      this.#skip(size);
      this.#needed = 2;
    }
  }

  /** The message that the frame is the last of, if it is. */
  #frame(frame: Buffer): Message | undefined {
    const { written } = this.#pieces[0]!;
    const { first, fin, opcode, payload } = parseFrame(frame);
    const goesOn = opcode === CONTINUATION;
    if (opcode >= CONTROL) {
      if (!fin || payload.length > MOST_CONTROL) throw new Error('a control frame is in parts, or too large');
      return this.#message({ first, parts: [payload], written });
    }
    if (goesOn !== (this.#unfinished !== undefined))
      throw new Error(goesOn ? 'a part follows no other' : 'a message begins within another');
    if (goesOn && (first & RSV1) !== 0) throw new Error('a later part is marked as compressed');
    const message = (this.#unfinished ??= { first, parts: [], written });
    message.parts.push(payload);
    if (!fin) return undefined;
    this.#unfinished = undefined;
    return this.#message(message);
  }

  #message({ first, parts, written }: Unfinished): Message {
    const opcode = first & 0x0f;
    const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    if ((first & RSV1) !== 0 && !(opcode === TEXT && this.#deflate))
      throw new Error('a message is compressed, which nobody agreed to');
    const payload = (first & RSV1) === 0 ? whole : inflated(whole);
    return { opcode, payload, frames: parts.length, written };
  }

  /** The pieces as one, in place of the first, but for their moments. */
  #join(): Buffer {
    if (this.#pieces.length === 1) return this.#pieces[0]!.bytes;
    return Buffer.concat(this.#pieces.map(({ bytes }) => bytes));
  }

  #skip(size: number): void {
    this.#bytes -= size;
    while (size > 0) {
      const { bytes, written } = this.#pieces[0]!;
      if (bytes.length <= size) this.#pieces.shift();
      else this.#pieces[0] = { bytes: bytes.subarray(size), written };
      size -= bytes.length;
    }
  }
}

/** Bytes of the frame at the head, or undefined when its header is not whole. */
export function frameSize(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  if (short < 126) return 2 + short;
  if (short === 126) return bytes.length < 4 ? undefined : 4 + bytes.readUInt16BE(2);
  return bytes.length < 10 ? undefined : 10 + Number(bytes.readBigUInt64BE(2));
}
