import * as ws from 'ws';
import { describe, expect, it } from 'vitest';
import {
  deflatedHeader,
  headerSize,
  payloadAt,
  pingFrame,
  tokenOf,
  textFrame,
  writeText,
  writeTextHeader,
} from '../../../lib/wire/frame.js';
import { parseFrames } from '../../support/unit/frames.js';

/** The receiver of a `ws` client; `@types/ws` does not know that it is exported. */
const { Receiver } = ws as unknown as {
  Receiver: new (options: { isServer: boolean; allowSynchronousEvents: boolean }) => NodeJS.WritableStream;
};

/** What a `ws` client understands of some bytes. */
function receivedBy(bytes: Buffer): { messages: string[]; pings: number } {
  const receiver = new Receiver({ isServer: false, allowSynchronousEvents: true });
  const received = { messages: [] as string[], pings: 0 };
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    expect(isBinary).toBe(false);
    received.messages.push(String(data));
  });
  receiver.on('ping', () => received.pings++);
  receiver.on('error', (error: Error) => {
    throw error;
  });
  receiver.write(bytes);
  return received;
}

const LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];

describe('headerSize', () => {
  it.each([
    [0, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
    [2 ** 32, 10],
  ])('of %i payload bytes is %i', (length, size) => {
    expect(headerSize(length)).toBe(size);
  });
});

describe('writeTextHeader', () => {
  it.each(LENGTHS)('writes as many bytes as headerSize foretells for %i', length => {
    const buffer = Buffer.alloc(20, 0xee);
    const end = writeTextHeader(buffer, 3, length);
    expect(end).toBe(3 + headerSize(length));
    expect([...buffer.subarray(0, 3), ...buffer.subarray(end)].every(byte => byte === 0xee)).toBe(true);
  });

  it('writes lengths above 32 bits', () => {
    const buffer = Buffer.alloc(10);
    writeTextHeader(buffer, 0, 2 ** 33 + 5);
    expect(buffer.readBigUInt64BE(2)).toBe(2n ** 33n + 5n);
  });
});

describe('deflatedHeader', () => {
  it.each(LENGTHS)('is that of a text frame but for RSV1, with %i bytes', length => {
    const header = Buffer.alloc(headerSize(length));
    writeTextHeader(header, 0, length);
    expect(header[0]).toBe(0x81);
    header[0] = 0xc1;
    expect(deflatedHeader(0x81, length)).toEqual(header);
  });
});

describe('payloadAt', () => {
  it.each([...LENGTHS, 2 ** 33 + 5])('finds %i bytes behind their header', length => {
    const buffer = Buffer.alloc(20);
    const start = writeTextHeader(buffer, 3, length);
    expect(payloadAt(buffer, 3)).toEqual({ start, end: start + length });
  });
});

describe('textFrame', () => {
  it.each(LENGTHS)('is one frame that a ws client and the RFC read alike, with %i bytes', length => {
    const text = 'x'.repeat(length);
    const frame = textFrame(text);
    expect(parseFrames(frame)).toEqual([{ fin: true, opcode: 1, payload: Buffer.from(text) }]);
    expect(receivedBy(frame).messages).toEqual([text]);
  });

  it.each(['é', 'x€', '😀', 'ÿ', '漢字', 'a\u0000b', `${'a'.repeat(125)}é`])('carries %j as UTF-8', text => {
    expect(receivedBy(textFrame(text)).messages).toEqual([text]);
  });

  it('can follow another frame without a byte between', () => {
    const bytes = Buffer.concat([textFrame('a'), pingFrame(7), textFrame('b'.repeat(200))]);
    expect(receivedBy(bytes)).toEqual({ messages: ['a', 'b'.repeat(200)], pings: 1 });
  });
});

describe('writeText', () => {
  it('writes nothing beyond the end of its text', () => {
    const buffer = Buffer.alloc(10, 0xee);
    expect(writeText(buffer, 1, 'é€', 5)).toBe(6);
    expect(buffer.subarray(1, 6).toString()).toBe('é€');
    expect([buffer[0], ...buffer.subarray(6)]).toEqual([0xee, 0xee, 0xee, 0xee, 0xee]);
  });
});

describe('pingFrame', () => {
  it('is a ping that carries a token of four bytes', () => {
    expect(parseFrames(pingFrame(0xfedcba98))).toEqual([
      { fin: true, opcode: 9, payload: Buffer.from('fedcba98', 'hex') },
    ]);
  });
});

describe('tokenOf', () => {
  it('reads the token that a pong brings back', () => {
    expect(tokenOf(pingFrame(0xfedcba98).subarray(2))).toBe(0xfedcba98);
  });

  it.each([0, 3, 5])('finds none in %i bytes', length => {
    expect(tokenOf(Buffer.alloc(length))).toBeUndefined();
  });
});
