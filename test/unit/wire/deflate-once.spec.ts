import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Batch, encodeBatch } from '../../../lib/wire/batch.js';
import { deflateOnce, MOST_DEFLATED_BYTES, WINDOW_BITS } from '../../../lib/wire/deflate-once.js';
import { messageFrame, writeTextHeader } from '../../../lib/wire/frame.js';
import { batchedJson, plainJson } from '../../../lib/protocol/json-formats.js';
import type { WireFormat } from '../../../lib/wire/wire-format.js';
import { entriesOf, publicationsOf } from '../../support/unit/entries.js';
import { inflated, messagesIn, parseFrame, parseFrames } from '../../support/unit/frames.js';

const SETTINGS = { threshold: 200, level: 6 };

/** A ticker message: what compression is for. */
const ticker = (i: number): object => ({
  symbol: 'AAPL',
  price: 189.25 + i / 100,
  size: 100 + (i % 7),
  seq: i,
});
const tickers = (count: number): object[] => Array.from({ length: count }, (_, i) => ticker(i));

/** Text that has nothing to repeat. */
const noise = (length: number): string =>
  randomBytes(Math.ceil(length / 2))
    .toString('base64')
    .slice(0, length);

function encoded(format: WireFormat, values: readonly unknown[], pool = new BufferPool()): Batch {
  return encodeBatch(format, { name: 'prices.AAPL', epoch: 'e' }, entriesOf(values), pool);
}

const bytesOf = ({ buffers }: Batch): Buffer => Buffer.from(Buffer.concat(buffers));
const textsIn = (batch: Batch): string[] =>
  parseFrames(bytesOf(batch)).map(({ payload }) => payload.toString());

describe('deflateOnce', () => {
  it('is, inflated, the messages it was given, whatever they are and whoever else uses the pool', () => {
    const values = fc.array(
      fc.oneof(
        fc.jsonValue(),
        fc.string({ unit: 'binary', maxLength: 2000 }),
        fc.nat(300).map(tickers),
        fc.nat(70_000).map(noise),
        fc.nat(70_000).map(length => 'x'.repeat(length)),
      ),
      { minLength: 1, maxLength: 8 },
    );
    const settings = fc.record({ threshold: fc.nat(2000), level: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(values, settings, fc.constantFrom(plainJson, batchedJson), (each, chosen, format) => {
        const pool = new BufferPool();
        const source = encoded(format, each, pool);
        const wanted = textsIn(source);
        const batch = deflateOnce(source, chosen, pool);
        // Whoever takes a slab now would write over one that went home too early.
        const [slab] = [pool.take(64 * 1024).fill(0xee)];
        const messages = messagesIn(bytesOf(batch));
        expect(messages.map(({ text }) => text)).toEqual(wanted);
        const short = messages.filter(({ text }) => Buffer.byteLength(text) < chosen.threshold);
        expect(short.some(({ deflated }) => deflated)).toBe(false);
        pool.give(slab!);
        batch.release();
        expect(pool.stats().inUse).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('makes a batched frame of twenty tickers a fraction of its size, in one slab of the smallest size', () => {
    const pool = new BufferPool();
    const source = encoded(batchedJson, tickers(20), pool);
    const { bytes } = source;
    const batch = deflateOnce(source, SETTINGS, pool);
    expect(batch.bytes).toBeLessThan(bytes / 5);
    expect(batch.buffers).toHaveLength(1);
    expect(batch.buffers[0]!.buffer.byteLength).toBe(1024);
    expect(pool.stats().inUse).toBe(1);
    const [message, ...others] = messagesIn(bytesOf(batch));
    expect(others).toEqual([]);
    expect(message!.deflated).toBe(true);
    expect(JSON.parse(message!.text)).toEqual(publicationsOf('prices.AAPL', entriesOf(tickers(20))));
  });

  it('gives the same bytes each time, and no frame needs the one before it', () => {
    const values = Array.from({ length: 3 }, () => tickers(20));
    const frames = bytesOf(deflateOnce(encoded(plainJson, values), SETTINGS, new BufferPool()));
    expect(bytesOf(deflateOnce(encoded(plainJson, values), SETTINGS, new BufferPool()))).toEqual(frames);
    // Offsets of one digit: all three frames have the same length.
    const one = frames.length / 3;
    for (const at of [0, 1, 2]) {
      const [message] = messagesIn(frames.subarray(at * one, (at + 1) * one));
      expect(JSON.parse(message!.text).data).toEqual(values[at]);
    }
  });

  it('can be read with the window it promises', () => {
    const pool = new BufferPool();
    const repeated = noise(5000);
    const source = encoded(plainJson, [repeated + repeated, tickers(500)], pool);
    const wanted = textsIn(source);
    const messages = messagesIn(bytesOf(deflateOnce(source, SETTINGS, pool)), WINDOW_BITS);
    expect(messages).toEqual(wanted.map(text => ({ text, deflated: true })));
  });

  it('leaves frames below the threshold as they are, between others that it compresses', () => {
    const values = ['short', tickers(20), 'brief', 'x'.repeat(SETTINGS.threshold), 'curt'];
    const source = encoded(plainJson, values);
    const wanted = textsIn(source);
    const messages = messagesIn(bytesOf(deflateOnce(source, SETTINGS, new BufferPool())));
    expect(messages).toEqual(
      wanted.map((text, i) => ({ text, deflated: [false, true, false, true, false][i] })),
    );
  });

  it('leaves a binary message binary', () => {
    const bytes = Buffer.from('x'.repeat(1000));
    const frame = parseFrame(
      bytesOf(deflateOnce(new Batch([messageFrame(bytes)]), SETTINGS, new BufferPool())),
    );
    expect(frame.first).toBe(0xc2);
    expect(inflated(frame.payload)).toEqual(bytes);
  });

  it('compresses a message as long as the threshold, and none that is a byte shorter', () => {
    const [text] = textsIn(encoded(plainJson, ['y'.repeat(300)]));
    for (const [threshold, deflated] of [
      [text!.length, true],
      [text!.length + 1, false],
    ] as const) {
      const batch = deflateOnce(
        encoded(plainJson, ['y'.repeat(300)]),
        { threshold, level: 6 },
        new BufferPool(),
      );
      expect(messagesIn(bytesOf(batch))).toEqual([{ text, deflated }]);
    }
  });

  it('sends what does not shrink as it is: the same memory, and nothing of the pool', () => {
    const pool = new BufferPool();
    const header = Buffer.alloc(4);
    writeTextHeader(header, 0, 5000);
    // No JSON is as random as that.
    const source = new Batch([Buffer.concat([header, randomBytes(5000)])]);
    const batch = deflateOnce(source, { threshold: 0, level: 9 }, pool);
    expect(batch.buffers).toBe(source.buffers);
    expect(pool.stats().taken).toBe(0);
  });

  it('compresses at most so many bytes of a batch, and the rest is sent as it is', () => {
    const frame = 15_000;
    const values = Array.from({ length: 12 }, () => 'z'.repeat(frame));
    const messages = messagesIn(bytesOf(deflateOnce(encoded(plainJson, values), SETTINGS, new BufferPool())));
    const compressed = Math.floor(MOST_DEFLATED_BYTES / (frame + 45));
    expect(compressed).toBe(8);
    expect(messages.map(({ deflated }) => deflated)).toEqual(values.map((_, i) => i < compressed));
    expect(messages.map(({ text }) => JSON.parse(text).data)).toEqual(values);
  });

  it('sends one message above that bound as it is, and compresses what follows', () => {
    const values = ['z'.repeat(MOST_DEFLATED_BYTES), tickers(20)];
    const batch = deflateOnce(encoded(plainJson, values), SETTINGS, new BufferPool());
    expect(messagesIn(bytesOf(batch)).map(({ deflated }) => deflated)).toEqual([false, true]);
  });

  describe.each([
    ['that became smaller', tickers(20)],
    ['that stays as it is', 'short'],
  ])('of a batch %s', (_, value) => {
    it('holds its slabs until the last holder lets go, and tells then', () => {
      const pool = new BufferPool();
      const told: Batch[] = [];
      const batch = deflateOnce(encoded(plainJson, [value], pool), SETTINGS, pool, done => told.push(done));
      batch.retain();
      batch.release();
      expect(pool.stats().inUse).toBe(1);
      expect(told).toEqual([]);
      batch.release();
      expect(pool.stats().inUse).toBe(0);
      expect(told).toEqual([batch]);
    });

    it('does not take the slabs of a batch from others that hold it', () => {
      const pool = new BufferPool();
      const source = encoded(plainJson, [value], pool);
      const wanted = textsIn(source);
      source.retain();
      deflateOnce(source, SETTINGS, pool).release();
      expect(textsIn(source)).toEqual(wanted);
      expect(pool.stats().inUse).toBe(1);
      source.release();
      expect(pool.stats().inUse).toBe(0);
    });
  });
});
