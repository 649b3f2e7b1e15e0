import { beforeEach, describe, expect, it } from 'vitest';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { SlabShelf } from '../../../lib/memory/slab-shelf.js';

let pool: BufferPool;
let shelf: SlabShelf;

beforeEach(() => {
  pool = new BufferPool();
  shelf = new SlabShelf(pool);
});

describe('SlabShelf', () => {
  it('puts buffers behind each other in one slab, and takes another when it is full', () => {
    const slab = shelf.with(1024);
    const places = Array.from({ length: 8 }, () => shelf.with(1024).take(1024));
    expect(places).toEqual([0, 1024, 2048, 3072, 4096, 5120, 6144, 7168]);
    expect(slab.left).toBe(0);
    expect(shelf.with(1)).not.toBe(slab);
    expect(pool.stats().taken).toBe(2);
  });

  it('gives a slab back when the shelf and every user have released it', () => {
    const slab = shelf.with(100);
    slab.take(100);
    slab.take(100);
    slab.release();
    shelf.clear();
    expect(pool.stats().inUse).toBe(1);
    slab.release();
    expect(pool.stats()).toMatchObject({ inUse: 0, given: 1 });
  });

  it('counts a whole slab for the first socket that keeps a part of it', () => {
    const slab = shelf.with(100);
    expect([slab.pin(), slab.pin(), slab.unpin(), slab.unpin()]).toEqual([8192, 0, 0, 8192]);
  });

  it('has nothing in use when it is clear and unused', () => {
    shelf.clear();
    shelf.with(1);
    shelf.clear();
    shelf.clear();
    expect(pool.stats().inUse).toBe(0);
  });
});
