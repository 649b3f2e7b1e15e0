import { getHeapSpaceStatistics, getHeapStatistics, type HeapInfo, type HeapSpaceInfo } from 'node:v8';

/** Statistics of V8 about its heap. */
export interface HeapStatistics {
  getHeapStatistics(): Pick<HeapInfo, 'used_heap_size' | 'heap_size_limit'>;
  getHeapSpaceStatistics(): Pick<HeapSpaceInfo, 'space_name' | 'space_size' | 'space_used_size'>[];
}

/** The young generation has two halves in use, and room for a third in the limit. */
const RESERVED = 1.5;

/** The last one in a text, which is the one that counts. */
const OLD_SPACE = /^.*--max[-_]old[-_]space[-_]size=(\d+)/s;

/**
 * Says how much of the heap for what lives longer is used: that is where a process runs out of memory. The limit that V8
 * tells has room for the young generation too, up to 192 MB, so that with `--max-old-space-size=256` a process would end at
 * 0.57 of it. How large the young generation may become is not told. So what the process was started with counts; without
 * that the largest young generation that was seen is taken off, which grows with the heap.
 */
export class HeapShare {
  readonly #v8: HeapStatistics;
  readonly #given: number;
  #largestYoung = 0;

  /** @param given bytes of `--max-old-space-size`, if it was given */
  constructor(given: number | undefined, v8: HeapStatistics = { getHeapStatistics, getHeapSpaceStatistics }) {
    this.#v8 = v8;
    this.#given = given ?? Infinity;
  }

  /** The share at this moment; takes some ten microseconds. */
  read(): number {
    const { used_heap_size: used, heap_size_limit: limit } = this.#v8.getHeapStatistics();
    let young = 0;
    for (const space of this.#v8.getHeapSpaceStatistics()) {
      if (space.space_name.startsWith('new_')) young += space.space_used_size;
      if (space.space_name === 'new_space')
        this.#largestYoung = Math.max(this.#largestYoung, space.space_size);
    }
    return (used - young) / Math.min(this.#given, limit - this.#largestYoung * RESERVED);
  }
}

/** Bytes of `--max-old-space-size` in the arguments of Node and what `NODE_OPTIONS` says; the arguments win. */
export function oldSpaceGiven(args: readonly string[], nodeOptions = ''): number | undefined {
  const given = [...args.toReversed(), nodeOptions].map(text => OLD_SPACE.exec(text)?.[1]);
  const megabytes = given.find(value => value !== undefined);
  return megabytes === undefined ? undefined : Number(megabytes) * 2 ** 20;
}
