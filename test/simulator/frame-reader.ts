import { messagesIn, parseFrames } from '../unit/support/frames.js';
import type { Moment, Piece } from './virtual-socket.js';

/** A message as its receiver has it. */
export interface Message {
  readonly opcode: number;
  readonly text: string;
  /** When the server handed its first byte to the socket. */
  readonly written: Moment;
}

/** Cuts a stream of bytes into WebSocket messages. A last one that is not whole is never seen. */
export class FrameReader {
  readonly #deflate: boolean;
  #pieces: Piece[] = [];
  #bytes = 0;
  /** Bytes that the frame at the head takes, as far as is known. */
  #needed = 2;

  /** @param deflate whether permessage-deflate was agreed to */
  constructor(deflate: boolean) {
    this.#deflate = deflate;
  }

  /** Bytes of a frame that has not arrived whole. */
  get rest(): number {
    return this.#bytes;
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
      yield this.#message(all.subarray(0, size));
      this.#skip(size);
      this.#needed = 2;
    }
  }

  #message(frame: Buffer): Message {
    const { written } = this.#pieces[0]!;
    const opcode = frame[0]! & 0x0f;
    if (opcode === 1 && this.#deflate) return { opcode, text: messagesIn(frame)[0]!.text, written };
    const [{ payload } = { payload: frame }] = parseFrames(frame);
    return { opcode, text: opcode === 8 ? String(payload.readUInt16BE(0)) : payload.toString(), written };
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
function frameSize(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  if (short < 126) return 2 + short;
  if (short === 126) return bytes.length < 4 ? undefined : 4 + bytes.readUInt16BE(2);
  return bytes.length < 10 ? undefined : 10 + Number(bytes.readBigUInt64BE(2));
}
