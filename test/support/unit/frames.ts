import { constants, inflateRawSync } from 'node:zlib';

/** One WebSocket frame as RFC 6455 section 5.2 lays it out. */
export interface Frame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Reads frames as a client must: written from the RFC and not from lib. Throws on anything a client would refuse. */
export function parseFrames(bytes: Buffer): Frame[] {
  return parse(bytes, 0x70).map(({ fin, opcode, payload }) => ({ fin, opcode, payload }));
}

/** One frame for a client that agreed to permessage-deflate: `first` tells whether its message is compressed. */
export function parseFrame(bytes: Buffer): Frame & { readonly first: number } {
  return parse(bytes, 0x30)[0]!;
}

/** The messages that a client gets which agreed to permessage-deflate without context takeover, RFC 7692 section 7.2.2. */
export function messagesIn(bytes: Buffer, windowBits = 15): { text: string; deflated: boolean }[] {
  return parse(bytes, 0x30).map(({ first, payload }) => {
    const deflated = (first & 0x40) !== 0;
    const whole = deflated ? inflated(payload, windowBits) : payload;
    return { text: whole.toString(), deflated };
  });
}

/** The payload of a whole message that is compressed. */
export function inflated(payload: Buffer, windowBits = 15): Buffer {
  const tail = Buffer.from([0, 0, 0xff, 0xff]);
  return inflateRawSync(Buffer.concat([payload, tail]), { windowBits, finishFlush: constants.Z_SYNC_FLUSH });
}

/** @param refused bits of the first byte that must not be set */
function parse(bytes: Buffer, refused: number): (Frame & { readonly first: number })[] {
  const frames: (Frame & { readonly first: number })[] = [];
  for (let at = 0; at < bytes.length;) {
    const [first, second] = [bytes.readUInt8(at), bytes.readUInt8(at + 1)];
    if ((first & refused) !== 0) throw new Error(`reserved bits are set at byte ${at}`);
    if ((second & 0x80) !== 0) throw new Error(`a server frame is masked at byte ${at}`);
    at += 2;
    let length = second & 0x7f;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      if (length < 126) throw new Error('the length is not in its shortest form');
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      if (length < 65536) throw new Error('the length is not in its shortest form');
      at += 8;
    }
    if (at + length > bytes.length) throw new Error(`a frame of ${length} bytes is cut off at byte ${at}`);
    frames.push({
      first,
      fin: (first & 0x80) !== 0,
      opcode: first & 0x0f,
      payload: bytes.subarray(at, at + length),
    });
    at += length;
  }
  return frames;
}

/** Publications in what a client received, whatever the format: `[{ topic, offset, data }]`. */
export function publicationsIn(bytes: Buffer): { topic: string; offset: number; data: any }[] {
  return publicationsAmong(parseFrames(bytes).map(({ payload }) => payload.toString()));
}

/** The same for a client that agreed to permessage-deflate. */
export function deflatedPublicationsIn(bytes: Buffer): ReturnType<typeof publicationsIn> {
  return publicationsAmong(messagesIn(bytes).map(({ text }) => text));
}

function publicationsAmong(texts: readonly string[]): ReturnType<typeof publicationsIn> {
  return texts
    .map(text => JSON.parse(text) as unknown)
    .flat()
    .filter((frame: any) => frame.topic !== undefined) as never;
}

/** The texts of the messages that a client received, put together from their fragments. Pings between them are left out. */
export function textsIn(bytes: Buffer): string[] {
  const texts: string[] = [];
  let parts: Buffer[] = [];
  for (const { fin, opcode, payload } of parseFrames(bytes).filter(frame => frame.opcode < 8)) {
    if ((opcode === 0) === (parts.length === 0))
      throw new Error(`opcode ${opcode} after ${parts.length} fragments`);
    parts.push(payload);
    if (!fin) continue;
    texts.push(Buffer.concat(parts).toString());
    parts = [];
  }
  return texts;
}
