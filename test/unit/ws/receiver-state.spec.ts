import { describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { isReceiving } from '../../../lib/ws/receiver-state.js';
import { masked } from '../../support/raw-client.js';

// Not in the types of ws; its users are meant to have no receiver of their own.
const { Receiver } = ws as unknown as { Receiver: new (options: object) => NodeJS.WritableStream };

/** A socket of the installed `ws`, as far as its receiver, that has got these bytes one by one. */
function socketAfter(bytes: Buffer, options = {}): object {
  const _receiver = new Receiver({ isServer: true, ...options });
  for (const byte of bytes) _receiver.write(Buffer.of(byte));
  return { _receiver };
}

const TEXT = 0x81;
const TEXT_FIRST = 0x01;
const REST = 0x00;
const REST_LAST = 0x80;
const PING = 0x89;

const short = Buffer.from('x'.repeat(10));
const long = Buffer.from('x'.repeat(300));
const huge = Buffer.concat([Buffer.of(TEXT, 0x80 | 127), Buffer.alloc(6), Buffer.of(1, 0), Buffer.alloc(4)]);

describe('isReceiving', () => {
  it.each([
    ['short', masked(TEXT, short)],
    ['with a length of two bytes', masked(TEXT, long)],
    ['with a length of eight bytes', Buffer.concat([huge, Buffer.alloc(256, 120)])],
  ])('is true from the first byte of a message to the last but one: %s', (_, frame) => {
    for (let length = 1; length < frame.length; length++)
      expect(isReceiving(socketAfter(frame.subarray(0, length))), `${length} bytes`).toBe(true);
    expect(isReceiving(socketAfter(frame))).toBe(false);
    expect(isReceiving(socketAfter(Buffer.concat([frame, frame])))).toBe(false);
    expect(isReceiving(socketAfter(Buffer.concat([frame, frame.subarray(0, 3)])))).toBe(true);
  });

  it('is false when nothing has come', () => {
    expect(isReceiving(socketAfter(Buffer.alloc(0)))).toBe(false);
  });

  it('is true between the fragments of a message, whatever control frames come between them', () => {
    const first = masked(TEXT_FIRST, short);
    const ping = masked(PING, short);
    const bytes = Buffer.concat([first, ping, masked(REST, short), ping, ping]);
    for (let length = 1; length <= bytes.length; length++)
      expect(isReceiving(socketAfter(bytes.subarray(0, length))), `${length} bytes`).toBe(true);
    expect(isReceiving(socketAfter(Buffer.concat([bytes, masked(REST_LAST, short)])))).toBe(false);
  });

  it('is false for an empty message that is whole, and true for one of empty fragments that is not', () => {
    expect(isReceiving(socketAfter(masked(TEXT, Buffer.alloc(0))))).toBe(false);
    expect(isReceiving(socketAfter(masked(TEXT_FIRST, Buffer.alloc(0))))).toBe(true);
  });

  it('is false for a control frame, whole or not', () => {
    const ping = masked(PING, short);
    for (let length = 1; length <= ping.length; length++)
      expect(isReceiving(socketAfter(ping.subarray(0, length))), `${length} bytes`).toBe(false);
  });

  it('is false while ws waits with a message that is whole', () => {
    expect(isReceiving(socketAfter(masked(TEXT, short), { allowSynchronousEvents: false }))).toBe(false);
  });

  it.each([
    ['no receiver', {}],
    ['a receiver of null', { _receiver: null }],
    ['one without its fields', { _receiver: {} }],
    ...['_state', '_fragmented', '_opcode', '_bufferedBytes', '_buffers'].map(field => [
      `one without ${field}`,
      { _receiver: { ...(socketAfter(Buffer.alloc(0)) as any)._receiver, [field]: undefined } },
    ]),
  ] as [string, object][])('cannot tell of a socket with %s', (_, socket) => {
    expect(isReceiving(socket)).toBeUndefined();
  });
});
