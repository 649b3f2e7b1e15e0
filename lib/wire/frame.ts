/** Opcodes with the FIN bit set, RFC 6455 section 5.2. The server never masks. */
const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;
const FIN_PING = 0x89;

/** Bit of the last frame of a message. */
const FIN = 0x80;

/** Bytes of the token in a ping. */
const TOKEN_BYTES = 4;

/** Bit of a deflated message, RFC 7692 section 6. */
const RSV1 = 0x40;

/** Makes a ping with a token. */
export function pingFrame(token: number): Buffer {
  const buffer = Buffer.allocUnsafe(2 + TOKEN_BYTES);
  buffer[0] = FIN_PING;
  buffer[1] = TOKEN_BYTES;
  buffer.writeUInt32BE(token, 2);
  return buffer;
}

/** Returns the token of a pong; undefined for other content. */
export function tokenOf(payload: Buffer): number | undefined {
  return payload.length === TOKEN_BYTES ? payload.readUInt32BE(0) : undefined;
}

/**
 * Makes the header of a part of a message, RFC 6455 section 5.4.
 * @param first first byte of the header of the whole message, for the first part; 0 for a later part
 */
export function partHeader(first: number, isLast: boolean, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(headerSize(length));
  writeHeader(buffer, 0, isLast ? first | FIN : first & ~FIN, length);
  return buffer;
}

/** Returns the bytes of the header of a server frame with a payload of `length` bytes. */
export function headerSize(length: number): number {
  return length < 126 ? 2 : length < 65536 ? 4 : 10;
}

/** Writes the header of a text frame at `at`. Returns the position after it. */
export function writeTextHeader(buffer: Buffer, at: number, length: number): number {
  return writeHeader(buffer, at, FIN_TEXT, length);
}

/**
 * Makes the header of a frame with a deflated payload, in memory of its own.
 * @param first first byte of the header of the original frame
 */
export function deflatedHeader(first: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(headerSize(length));
  writeHeader(buffer, 0, first | RSV1, length);
  return buffer;
}

/** Writes the header of a binary frame at `at`; returns the position after it. */
export function writeBinaryHeader(buffer: Buffer, at: number, length: number): number {
  return writeHeader(buffer, at, FIN_BINARY, length);
}

function writeHeader(buffer: Buffer, at: number, first: number, length: number): number {
  buffer[at] = first;
  if (length < 126) {
    buffer[at + 1] = length;
    return at + 2;
  }
  if (length < 65536) {
    buffer[at + 1] = 126;
    return buffer.writeUInt16BE(length, at + 2);
  }
  buffer[at + 1] = 127;
  buffer.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2);
  return buffer.writeUInt32BE(length >>> 0, at + 6);
}

/** Returns the place of the payload of the server frame at `at`. */
export function payloadAt(buffer: Buffer, at: number): { readonly start: number; readonly end: number } {
  const short = buffer[at + 1]!;
  if (short < 126) return { start: at + 2, end: at + 2 + short };
  if (short === 126) return { start: at + 4, end: at + 4 + buffer.readUInt16BE(at + 2) };
  return {
    start: at + 10,
    end: at + 10 + buffer.readUInt32BE(at + 2) * 2 ** 32 + buffer.readUInt32BE(at + 6),
  };
}

/** Writes `text` at `at`; `bytes` is its length in UTF-8. Equal lengths mean ASCII, copied without transcoding. */
export function writeText(buffer: Buffer, at: number, text: string, bytes: number): number {
  return at + buffer.write(text, at, bytes, bytes === text.length ? 'latin1' : 'utf8');
}

/** Makes a whole text frame in memory of its own. */
export function textFrame(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const buffer = Buffer.allocUnsafe(headerSize(bytes) + bytes);
  writeText(buffer, writeTextHeader(buffer, 0, bytes), text, bytes);
  return buffer;
}

/** One whole frame in memory of its own: a text frame for text, a binary frame for bytes. */
export function messageFrame(message: string | Uint8Array): Buffer {
  if (typeof message === 'string') return textFrame(message);
  const buffer = Buffer.allocUnsafe(headerSize(message.length) + message.length);
  buffer.set(message, writeBinaryHeader(buffer, 0, message.length));
  return buffer;
}
