import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool, LARGEST_SLAB } from '../../../lib/memory/buffer-pool.js';

describe('BufferPool', () => {
  describe('#take', () => {
    it.each([
      [0, 1024],
      [1, 1024],
      [1024, 1024],
      [1025, 2048],
      [2048, 2048],
      [2049, 4096],
      [32_769, 65_536],
      [65_536, 65_536],
    ])('serves %i bytes from the class of %i', (size, length) => {
      expect(new BufferPool().take(size)).toHaveLength(length);
    });

    it('allocates exactly what is asked for above the largest class, and keeps nothing of it', () => {
      const pool = new BufferPool();
      const big = pool.take(LARGEST_SLAB + 1);
      expect(big).toHaveLength(LARGEST_SLAB + 1);
      expect(pool.give(big)).toBe(true);
      expect(pool.stats()).toMatchObject({ inUse: 0, bytes: 0 });
      expect(pool.take(LARGEST_SLAB + 1)).not.toBe(big);
    });

    it('hands out an idle buffer of the class again', () => {
      const pool = new BufferPool();
      const buffer = pool.take(3000);
      pool.give(buffer);
      expect(pool.take(1000)).not.toBe(buffer);
      expect(pool.take(4096)).toBe(buffer);
      expect(pool.stats().misses).toBe(2);
    });

    it('gives memory that is not part of a shared slab of Node', () => {
      const buffer = new BufferPool().take(1);
      expect(buffer.buffer.byteLength).toBe(1024);
    });

    it('allocates plainly above its capacity, and lets that memory go', () => {
      const pool = new BufferPool(4096);
      const pooled = [pool.take(2048), pool.take(2048)];
      const plain = pool.take(1500);
      expect(plain).toHaveLength(1500);
      expect(pool.stats()).toMatchObject({ bytes: 4096, inUse: 3, misses: 3 });
      expect(pool.give(plain)).toBe(true);
      for (const buffer of pooled) pool.give(buffer);
      expect(new Set([pool.take(2048), pool.take(2048)])).toEqual(new Set(pooled));
      expect(pool.take(2048)).not.toBe(plain);
      expect(pool.stats().bytes).toBe(4096);
    });

    it('has the documented capacity by default', () => {
      const source = readFileSync(new URL('../../../lib/memory/buffer-pool.ts', import.meta.url), 'utf8');
      const capacity = Number(/@param capacity .*@default (\d+)/.exec(source)?.[1]);
      const pool = new BufferPool();
      for (let i = 0; i <= capacity / LARGEST_SLAB; i++) pool.take(LARGEST_SLAB);
      expect(pool.stats().bytes).toBe(capacity);
    });
  });

  describe('#give', () => {
    it('refuses a buffer that was given already', () => {
      const pool = new BufferPool();
      const buffer = pool.take(10);
      expect(pool.give(buffer)).toBe(true);
      expect(pool.give(buffer)).toBe(false);
      expect(pool.stats()).toMatchObject({ given: 1, inUse: 0 });
      expect(pool.take(10)).not.toBe(pool.take(10));
    });

    it('refuses a buffer of somebody else, and a view of one of its own', () => {
      const pool = new BufferPool();
      const buffer = pool.take(10);
      expect(pool.give(Buffer.alloc(1024))).toBe(false);
      expect(pool.give(buffer.subarray(0, 1024))).toBe(false);
      expect(pool.stats()).toMatchObject({ given: 0, inUse: 1 });
    });
  });

  describe('#stats', () => {
    it('starts with nothing', () => {
      expect(new BufferPool().stats()).toEqual({
        taken: 0,
        given: 0,
        inUse: 0,
        highWater: 0,
        misses: 0,
        bytes: 0,
      });
    });

    it('remembers the most that were ever out', () => {
      const pool = new BufferPool();
      const [a, b] = [pool.take(1), pool.take(1)];
      pool.give(a);
      pool.give(b);
      pool.take(1);
      expect(pool.stats()).toMatchObject({
        taken: 3,
        given: 2,
        inUse: 1,
        highWater: 2,
        misses: 2,
        bytes: 2048,
      });
    });

    it('never counts wrong nor hands a buffer to two owners, whatever is taken and given', () => {
      const step = fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.constant('give' as const));
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), steps => {
          const pool = new BufferPool(200_000);
          const out: Buffer[] = [];
          for (const what of steps) {
            if (what === 'give') {
              if (out.length > 0) expect(pool.give(out.shift()!)).toBe(true);
            } else {
              const buffer = pool.take(what);
              expect(buffer.length).toBeGreaterThanOrEqual(what);
              expect(out.includes(buffer)).toBe(false);
              out.push(buffer);
            }
            expect(pool.stats().inUse).toBe(out.length);
            expect(pool.stats().bytes).toBeLessThanOrEqual(200_000);
          }
        }),
      );
    });
  });
});
