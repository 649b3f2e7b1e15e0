import type { BufferPool } from './buffer-pool.js';

/** Bytes of a shared slab. A socket that does not take its data may keep a whole slab from the pool. */
const SLAB_BYTES = 8192;

/** Slab that several users share. It returns to the pool when its shelf and all users have released it. */
export class SharedSlab {
  readonly memory: Buffer;
  readonly #pool: BufferPool;
  #used = 0;
  /** The shelf is the first. */
  #users = 1;
  #pins = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
    this.memory = pool.take(SLAB_BYTES);
  }

  /** Bytes that are still free. */
  get left(): number {
    return SLAB_BYTES - this.#used;
  }

  /** Takes bytes, and counts a user, who must release the slab once. Returns the place of the first byte. */
  take(size: number): number {
    const at = this.#used;
    this.#used += size;
    this.#users++;
    return at;
  }

  /** Notes that a socket holds a part. Returns the bytes that are newly kept: the first part keeps the whole slab. */
  pin(): number {
    return this.#pins++ === 0 ? SLAB_BYTES : 0;
  }

  /** Notes that a socket has sent a part. Returns the bytes that are no longer kept. */
  unpin(): number {
    return --this.#pins === 0 ? SLAB_BYTES : 0;
  }

  release(): void {
    if (--this.#users === 0) this.#pool.give(this.memory);
  }
}

/** Memory for many small buffers of a short time: they lie behind each other in slabs, because a slab for each would cost more than its content. */
export class SlabShelf {
  /** Most bytes of one buffer. */
  static readonly MOST = 1024;
  readonly #pool: BufferPool;
  #slab: SharedSlab | undefined;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Returns a slab with so many free bytes. @param size at most {@link MOST} */
  with(size: number): SharedSlab {
    if (this.#slab !== undefined && this.#slab.left >= size) return this.#slab;
    this.clear();
    return (this.#slab = new SharedSlab(this.#pool));
  }

  /** Releases the present slab. The next buffer begins another. */
  clear(): void {
    this.#slab?.release();
    this.#slab = undefined;
  }
}
