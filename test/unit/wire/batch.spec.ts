import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Batch, PooledSlabs } from '../../../lib/wire/batch.js';

function rig(): { pool: BufferPool; batch: Batch; sent: Batch[] } {
  const pool = new BufferPool();
  const slabs = [pool.take(1000), pool.take(3000)];
  const sent: Batch[] = [];
  const batch = new Batch(
    slabs.map(slab => slab.subarray(0, 10)),
    new PooledSlabs(pool, slabs),
    done => sent.push(done),
  );
  return { pool, batch, sent };
}

describe('Batch', () => {
  it('knows its bytes', () => {
    expect(rig().batch.bytes).toBe(20);
    expect(new Batch([]).bytes).toBe(0);
  });

  describe('#release', () => {
    it('keeps the slabs until the last holder lets go', () => {
      const { pool, batch, sent } = rig();
      batch.retain();
      batch.retain();
      batch.release();
      batch.release();
      expect(pool.stats().inUse).toBe(2);
      expect(sent).toEqual([]);
      batch.release();
      expect(pool.stats()).toMatchObject({ inUse: 0, given: 2 });
      expect(sent).toEqual([batch]);
    });

    it('keeps the slabs for its maker, however many come and go meanwhile', () => {
      const { pool, batch } = rig();
      batch.retain();
      batch.release();
      expect(pool.stats().inUse).toBe(2);
    });

    it('works without a pool', () => {
      const sent: Batch[] = [];
      const batch = new Batch([Buffer.from('a')], undefined, done => sent.push(done));
      batch.release();
      expect(sent).toEqual([batch]);
    });
  });
});
