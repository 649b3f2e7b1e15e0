/** One WebSocket frame as RFC 6455 section 5.2 lays it out. */
export interface Frame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Reads frames as a client must: written from the RFC and not from lib. Throws on anything a client would refuse. */
export function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const [first, second] = [bytes.readUInt8(at), bytes.readUInt8(at + 1)];
    if ((first & 0x70) !== 0) throw new Error(`reserved bits are set at byte ${at}`);
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
  return parseFrames(bytes)
    .map(({ payload }) => JSON.parse(String(payload)) as unknown)
    .flat()
    .filter((frame: any) => frame.topic !== undefined) as never;
}
