import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool, LARGEST_SLAB } from '../../../lib/memory/buffer-pool.js';
import { encodeBatch } from '../../../lib/wire/batch.js';
import { batchedJson, plainJson } from '../../../lib/protocol/json-formats.js';
import { entriesOf, ORIGIN, publicationsOf } from '../../support/unit/entries.js';
import { parseFrames, publicationsIn } from '../../support/unit/frames.js';

const text = (length: number, i = 0): string => String.fromCharCode(97 + (i % 26)).repeat(length);

describe.each([
  ['plain', plainJson],
  ['batched', batchedJson],
])('encodeBatch, %s', (_, format) => {
  it('keeps the order over all pieces, cuts no frame, and keeps each piece within a slab', () => {
    const sizes = fc.array(fc.oneof(fc.nat(200), fc.nat(40_000), fc.integer({ min: 65_000, max: 66_000 })), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(sizes, lengths => {
        const pool = new BufferPool();
        const entries = entriesOf(lengths.map(text));
        const batch = encodeBatch(format, { ...ORIGIN, name: 'prices.AAPL' }, entries, pool);
        expect(publicationsIn(Buffer.concat(batch.buffers))).toEqual(publicationsOf('prices.AAPL', entries));
        for (const buffer of batch.buffers) {
          const inPiece = publicationsIn(buffer).length;
          expect(buffer.length <= LARGEST_SLAB || inPiece === 1).toBe(true);
        }
        batch.release();
        expect(pool.stats().inUse).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('puts a small batch into the smallest slab, and gives the rest of the slab to nobody', () => {
    const pool = new BufferPool();
    const batch = encodeBatch(format, ORIGIN, entriesOf(['a', 'b']), pool);
    expect(batch.buffers).toHaveLength(1);
    expect(batch.buffers[0]!.length).toBe(format.size(ORIGIN, entriesOf(['a', 'b'])));
    expect(batch.buffers[0]!.buffer.byteLength).toBe(1024);
    expect(batch.bytes).toBe(batch.buffers[0]!.length);
  });

  it('fills pieces: a megabyte of small publications is cut into few', () => {
    const pool = new BufferPool();
    const entries = entriesOf(Array.from({ length: 1000 }, (_each, i) => text(1000, i)));
    const batch = encodeBatch(format, ORIGIN, entries, pool);
    expect(batch.buffers.length).toBeGreaterThan(15);
    expect(batch.buffers.length).toBeLessThan(20);
    expect(pool.stats().taken).toBe(batch.buffers.length);
    expect(batch.bytes).toBe(batch.buffers.reduce((sum, { length }) => sum + length, 0));
  });

  it('sends a publication larger than a slab round the pool, between its neighbours', () => {
    const pool = new BufferPool();
    const entries = entriesOf(['before', text(100_000), 'after']);
    const batch = encodeBatch(format, ORIGIN, entries, pool);
    expect(batch.buffers.map(buffer => publicationsIn(buffer).length)).toEqual([1, 1, 1]);
    expect(batch.buffers[1]!.buffer.byteLength).toBe(batch.buffers[1]!.length);
    expect(pool.stats()).toMatchObject({ taken: 2, inUse: 2 });
    expect(publicationsIn(Buffer.concat(batch.buffers))).toEqual(publicationsOf('t', entries));
    batch.release();
    expect(pool.stats().inUse).toBe(0);
  });

  it('takes a slab for a publication that fits one exactly, and none for a byte more', () => {
    const envelope = format.size(ORIGIN, entriesOf([text(60_000)])) - 60_000;
    for (const [length, taken] of [
      [LARGEST_SLAB - envelope - 6, 1],
      [LARGEST_SLAB - envelope + 7, 0],
    ] as const) {
      const pool = new BufferPool();
      encodeBatch(format, ORIGIN, entriesOf([text(length)]), pool);
      expect(pool.stats().taken).toBe(taken);
    }
  });

  it('tells when the last holder let go', () => {
    const sent: unknown[] = [];
    const batch = encodeBatch(format, ORIGIN, entriesOf(['a']), new BufferPool(), done => sent.push(done));
    expect(sent).toEqual([]);
    batch.release();
    expect(sent).toEqual([batch]);
  });
});

describe('encode', () => {
  it('gives plain publications a frame each and batched ones a frame a piece', () => {
    const entries = entriesOf(Array.from({ length: 3 }, (_, i) => text(30_000, i)));
    const frames = (format: typeof plainJson): number =>
      parseFrames(Buffer.concat(encodeBatch(format, ORIGIN, entries, new BufferPool()).buffers)).length;
    expect(frames(plainJson)).toBe(3);
    expect(frames(batchedJson)).toBe(2);
  });
});
