import type { BufferPool } from '../memory/buffer-pool.js';
import type { Counters } from '../observe/counters.js';
import type { Subscription } from '../topic/subscription.js';
import { type DeflateSettings, deflateOnce } from '../wire/deflate-once.js';
import { encode } from '../wire/encode.js';
import { type Encode, TopicBatches } from './topic-batches.js';
import type { UnsentBatches } from './unsent-batches.js';

/** Makes the batches that everybody who listens shares. */
export class FanOut {
  readonly #pool: BufferPool;
  readonly #unsent: UnsentBatches;
  readonly #counters: Counters;
  readonly #deflate: DeflateSettings | undefined;
  /** For single subscriptions, beside the walk that may be under way. */
  readonly #batches: TopicBatches;

  /** @param deflate for connections that take compressed frames; without it there is none */
  constructor(
    pool: BufferPool,
    unsent: UnsentBatches,
    counters: Counters,
    now: () => number,
    deflate?: DeflateSettings,
  ) {
    this.#pool = pool;
    this.#unsent = unsent;
    this.#counters = counters;
    this.#deflate = deflate;
    this.#batches = new TopicBatches(this.#encodeUncompressed, now);
  }

  /** Frames publications into slabs of the pool; they go home when the last socket has let go of the batch. */
  readonly encode: Encode = (format, origin, publications) => {
    if (this.#deflate === undefined || format.deflates === undefined) {
      return this.#encodeUncompressed(format, origin, publications);
    }
    this.#counters.encodes++;
    const uncompressed = encode(format.deflates, origin, publications, this.#pool);
    try {
      const batch = deflateOnce(uncompressed, this.#deflate, this.#pool, this.#unsent.onSent);
      this.#unsent.add(batch);
      return batch;
    } catch (error) {
      uncompressed.release();
      throw error;
    }
  };

  /**
   * Delivers to a live subscription all there is, because it ends before the next flush. False when its socket has no
   * room for it, and nothing is delivered.
   */
  finish(subscription: Subscription): boolean {
    const { lane, sink, cursor } = subscription;
    const to = lane.topic.log.head;
    if (cursor >= to) return true;
    this.#batches.open(lane, cursor, to);
    const batch = this.#batches.for(subscription);
    const fits = batch === undefined || sink.room >= batch.bytes;
    if (batch !== undefined && fits) sink.add(batch);
    this.#batches.close();
    if (fits) subscription.advance(to);
    return fits;
  }

  /** For a batch that one connection gets: compressing it would cost for each client what is meant to be paid once. */
  readonly #encodeUncompressed: Encode = (format, origin, publications) => {
    this.#counters.encodes++;
    const batch = encode(format, origin, publications, this.#pool, this.#unsent.onSent);
    this.#unsent.add(batch);
    return batch;
  };
}
