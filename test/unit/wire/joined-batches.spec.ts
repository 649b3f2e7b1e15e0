import { beforeEach, describe, expect, it } from 'vitest';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Batch, UnsentBatches } from '../../../lib/wire/batch.js';
import { JoinedBatches } from '../../../lib/wire/joined-batches.js';

let pool: BufferPool;
let unsent: UnsentBatches;
let joined: JoinedBatches;

beforeEach(() => {
  pool = new BufferPool();
  unsent = new UnsentBatches();
  joined = new JoinedBatches(pool, unsent);
});

const batchOf = (...texts: string[]): Batch =>
  Object.assign(new Batch(texts.map(text => Buffer.from(text))), { publications: texts.length });

function join(...batches: Batch[]): Batch | undefined {
  // Slots behind the count are of earlier flushes.
  const bytes = batches.reduce((sum, batch) => sum + batch.bytes, 0);
  return joined.join([...batches, batchOf('stale')], batches.length, bytes);
}

const textOf = (batch: Batch | undefined): string => Buffer.concat(batch!.buffers).toString();

describe('JoinedBatches', () => {
  it('makes one buffer of small batches, in order, with what they contain', () => {
    const gap = Object.assign(batchOf('g'), { publications: 0, gaps: ['expired' as const] });
    const batch = join(batchOf('a', 'b'), gap, batchOf('c'));
    expect(batch!.buffers).toHaveLength(1);
    expect(textOf(batch)).toBe('abgc');
    expect(batch).toMatchObject({ bytes: 4, publications: 3, gaps: ['expired'] });
  });

  it('makes one buffer for all connections with the same batches', () => {
    const [a, b] = [batchOf('a'), batchOf('b')];
    const first = join(a, b);
    expect(join(a, b)).toBe(first);
    expect(pool.stats().taken).toBe(1);
    expect(textOf(join(a, batchOf('c')))).toBe('ac');
    expect(textOf(join(a))).toBe('a');
    expect(join(a, b)).toBe(first);
    expect(pool.stats()).toMatchObject({ taken: 3, inUse: 3 });
  });

  it('remembers a few lists, and releases the oldest for a new one', () => {
    const lists = Array.from({ length: 5 }, (_, i) => [batchOf(`${i}`), batchOf('x')]);
    const [first] = lists.map(list => join(...list));
    expect(pool.stats().inUse).toBe(4);
    expect(join(...lists[4]!)).toBe(join(...lists[4]!));
    expect(join(...lists[0]!)).not.toBe(first);
  });

  it('joins larger batches for the second connection, and none above a slab', () => {
    const large = [batchOf('x'.repeat(5000)), batchOf('y'.repeat(5000))];
    expect(join(...large)).toBeUndefined();
    const shared = join(...large);
    expect(shared?.bytes).toBe(10_000);
    expect(join(...large)).toBe(shared);
    const tooLarge = [batchOf('x'.repeat(40_000)), batchOf('y'.repeat(40_000))];
    expect([join(...tooLarge), join(...tooLarge)]).toEqual([undefined, undefined]);
  });

  it('keeps the memory for as long as a connection needs it', async () => {
    const [a, b] = [batchOf('a'), batchOf('b')];
    const batch = join(a, b)!;
    batch.retain();
    joined.clear();
    let isSent = false;
    const sent = unsent.sent().then(() => (isSent = true));
    await Promise.resolve();
    expect([pool.stats().inUse, isSent]).toEqual([1, false]);
    batch.release();
    await sent;
    expect(pool.stats().inUse).toBe(0);
    expect(join(a, b)).not.toBe(batch);
  });
});
