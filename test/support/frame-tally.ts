const PING = 9;
const PONG = 10;

/** Counts the frames in one direction of a WebSocket connection, as their bytes come. It begins with the handshake. */
export class FrameTally {
  /** What each ping says, in hex. */
  readonly pings: string[] = [];
  /** What each pong says, in hex. */
  readonly pongs: string[] = [];
  /** Frames that are a part of a message. */
  fragments = 0;
  /** Whether the last message has begun and is not whole. */
  isCut = false;
  #rest: Buffer = Buffer.alloc(0);
  #isUpgraded = false;
  /** Bytes of a payload that are still to come. */
  #skip = 0;

  feed(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    if (!this.#isUpgraded) {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#isUpgraded = true;
      this.#rest = this.#rest.subarray(end + 4);
    }
    while (this.#step());
  }

  /** Goes on behind one more frame. Returns false when more bytes are needed for that. */
  #step(): boolean {
    const passed = Math.min(this.#skip, this.#rest.length);
    this.#skip -= passed;
    this.#rest = this.#rest.subarray(passed);
    const header = this.#skip > 0 ? undefined : headerOf(this.#rest);
    if (header === undefined) return false;
    const { fin, opcode, start, length } = header;
    if (opcode >= 8) return this.#control(header);
    if (!fin || opcode === 0) this.fragments++;
    this.isCut = !fin;
    this.#rest = this.#rest.subarray(start);
    this.#skip = length;
    return true;
  }

  #control({ opcode, start, length, mask }: Header): boolean {
    if (this.#rest.length < start + length) return false;
    const payload = Buffer.from(this.#rest.subarray(start, start + length));
    if (mask !== undefined) for (let i = 0; i < length; i++) payload[i]! ^= mask[i % 4]!;
    if (opcode === PING) this.pings.push(payload.toString('hex'));
    if (opcode === PONG) this.pongs.push(payload.toString('hex'));
    this.#rest = this.#rest.subarray(start + length);
    return true;
  }
}

interface Header {
  readonly fin: boolean;
  readonly opcode: number;
  /** Where the payload begins. */
  readonly start: number;
  readonly length: number;
  readonly mask: Buffer | undefined;
}

/** The header of the frame at the head; undefined while it is not whole. */
function headerOf(bytes: Buffer): Header | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const isMasked = (bytes[1]! & 0x80) !== 0;
  const maskAt = short < 126 ? 2 : short === 126 ? 4 : 10;
  const start = maskAt + (isMasked ? 4 : 0);
  if (bytes.length < start) return undefined;
  const length =
    short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const mask = isMasked ? Buffer.from(bytes.subarray(maskAt, start)) : undefined;
  return { fin: (bytes[0]! & 0x80) !== 0, opcode: bytes[0]! & 0x0f, start, length, mask };
}
