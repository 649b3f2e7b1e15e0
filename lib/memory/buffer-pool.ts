/** Smallest size class. A batch of one ticker message, framed, is about 150 bytes; below 1 KiB classes only add lists. */
const SMALLEST = 1024;

/** Largest size class, and so the largest slab a batch is cut into. Bigger payloads are rare and are sent from memory of their own. */
export const LARGEST_SLAB = 64 * 1024;

const CLASSES = Math.log2(LARGEST_SLAB / SMALLEST) + 1;

/** Statistics of a {@link BufferPool}. Bytes unless said otherwise. */
export interface BufferPoolStats {
  /** Buffers handed out, in all. */
  readonly taken: number;
  /** Buffers that came back, in all. */
  readonly given: number;
  /** Buffers out now. 0 when nothing is being sent: anything else at rest is a leak. */
  readonly inUse: number;
  /** Most buffers ever out at once. */
  readonly highWater: number;
  /** Takes that no idle buffer served, so that memory was allocated. */
  readonly misses: number;
  /** Bytes the pool holds, idle and out. Never above its capacity. */
  readonly bytes: number;
}

/**
 * Reusable buffers in size classes of powers of two from 1 KiB to 64 KiB.
 *
 * Ownership: whoever takes a buffer owns it and gives it back exactly once, after the last reader is done with
 * its bytes. For a socket that is when the kernel has taken them, not when `write()` returns.
 *
 * The pool never holds more than its capacity: above it, and for sizes above 64 KiB, `take` allocates plainly
 * and `give` lets the memory go. Contents are not cleared; send only what was written.
 */
export class BufferPool {
  readonly #idle: Buffer[][] = Array.from({ length: CLASSES }, () => []);
  readonly #out = new Set<Buffer>();
  readonly #capacity: number;
  #taken = 0;
  #given = 0;
  #highWater = 0;
  #misses = 0;
  #bytes = 0;
  #plain = new Set<Buffer>();

  /** @param capacity most bytes the pool may hold, idle and out. @default 33554432 (32 MiB) */
  constructor(capacity: number = 32 * 1024 * 1024) {
    this.#capacity = capacity;
  }

  /** A buffer of at least `size` bytes, contents undefined; the caller owns it until it is given back. */
  take(size: number): Buffer {
    const index = classOf(size);
    const buffer = this.#idle[index]?.pop() ?? this.#allocate(size, index);
    this.#out.add(buffer);
    this.#taken++;
    if (this.#out.size > this.#highWater) this.#highWater = this.#out.size;
    return buffer;
  }

  /**
   * Takes a buffer back. Returns false, and changes nothing, for a buffer that is not out: given twice, or
   * never taken here. Two owners of one slab would corrupt what a third party reads, so that must not pass.
   */
  give(buffer: Buffer): boolean {
    if (!this.#out.delete(buffer)) return false;
    this.#given++;
    if (!this.#plain.delete(buffer)) this.#idle[classOf(buffer.length)]!.push(buffer);
    return true;
  }

  /** A snapshot of the counters. */
  stats(): BufferPoolStats {
    return {
      taken: this.#taken,
      given: this.#given,
      inUse: this.#out.size,
      highWater: this.#highWater,
      misses: this.#misses,
      bytes: this.#bytes,
    };
  }

  #allocate(size: number, index: number): Buffer {
    this.#misses++;
    const wanted = SMALLEST << index;
    if (index < CLASSES && this.#bytes + wanted <= this.#capacity) {
      this.#bytes += wanted;
      // Slow: a slice of Node's shared 8 KiB slab would keep that whole slab alive for as long as the pool lives.
      return Buffer.allocUnsafeSlow(wanted);
    }
    const buffer = Buffer.allocUnsafeSlow(size);
    this.#plain.add(buffer);
    return buffer;
  }
}

/** Index of the smallest class that fits, or CLASSES when none does. */
function classOf(size: number): number {
  if (size > LARGEST_SLAB) return CLASSES;
  return size <= SMALLEST ? 0 : 32 - Math.clz32((size - 1) / SMALLEST);
}
