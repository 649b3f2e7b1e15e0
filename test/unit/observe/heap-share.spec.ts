import { describe, expect, it } from 'vitest';
import { HeapShare, oldSpaceGiven } from '../../../lib/observe/heap-share.js';

const MB = 2 ** 20;

/** A heap of 256 MB, whose young generation may grow to two halves of 64 MB. */
function heapOf256(given?: number) {
  const heap = { old: 0, young: { size: MB, used: 0, large: 0 } };
  const space = (space_name: string, space_size: number, space_used_size: number) => ({
    space_name,
    space_size,
    space_used_size,
  });
  const { young } = heap;
  const share = new HeapShare(given, {
    getHeapStatistics: () => ({
      used_heap_size: heap.old + young.used + young.large,
      heap_size_limit: (256 + 3 * 64) * MB,
    }),
    getHeapSpaceStatistics: () => [
      space('new_space', young.size, young.used),
      space('old_space', heap.old, heap.old),
      space('new_large_object_space', young.large, young.large),
    ],
  });
  return { heap, share };
}

describe('the share of the heap', () => {
  it('is that of --max-old-space-size, once the young generation has grown', () => {
    const { heap, share } = heapOf256();
    heap.young.size = 128 * MB;
    heap.old = 128 * MB;
    expect(share.read()).toBe(0.5);
    heap.old = 256 * MB;
    expect(share.read()).toBe(1);
  });

  it('stays that when the young generation shrinks again', () => {
    const { heap, share } = heapOf256();
    heap.young.size = 128 * MB;
    share.read();
    heap.young.size = MB;
    heap.old = 192 * MB;
    expect(share.read()).toBe(0.75);
  });

  it('leaves out what is young: most of it is gone at the next collection', () => {
    const { heap, share } = heapOf256();
    heap.young = Object.assign(heap.young, { size: 128 * MB, used: 60 * MB, large: 60 * MB });
    heap.old = 64 * MB;
    expect(share.read()).toBe(0.25);
  });

  it('is that of what the process was started with, whatever the young generation is like', () => {
    const { heap, share } = heapOf256(256 * MB);
    heap.old = 192 * MB;
    expect(share.read()).toBe(0.75);
    heap.young.size = 128 * MB;
    expect(share.read()).toBe(0.75);
  });

  it('is read of this process', () => {
    const share = new HeapShare(undefined).read();
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(1);
  });
});

describe('oldSpaceGiven', () => {
  it.each([
    [[], '', undefined],
    [['--expose-gc', '--max-old-space-size=256'], '', 256],
    [['--max_old_space_size=256'], '', 256],
    [['--max-old-space-size=256', '--max-old-space-size=512'], '', 512],
    [[], '--inspect --max-old-space-size=128', 128],
    [[], '--max-old-space-size=64 --max-old-space-size=128', 128],
    [['--max-old-space-size=256'], '--max-old-space-size=128', 256],
    [['--max-semi-space-size=256'], '', undefined],
  ])('of %j and NODE_OPTIONS "%s" is %j', (args, nodeOptions, megabytes) => {
    expect(oldSpaceGiven(args, nodeOptions)).toBe(megabytes === undefined ? undefined : megabytes * MB);
  });

  it('is undefined without NODE_OPTIONS too', () => {
    expect(oldSpaceGiven([], undefined)).toBeUndefined();
  });
});
