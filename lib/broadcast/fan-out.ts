import type { BufferPool } from '../memory/buffer-pool.js';
import type { Counters } from '../observe/counters.js';
import type { Subscription } from '../topic/subscription.js';
import { type DeflateSettings, deflateOnce } from '../wire/deflate-once.js';
import { encode } from '../wire/encode.js';
import { type Encode, TopicBatches } from './topic-batches.js';
import type { UnsentBatches } from './unsent-batches.js';

/** Makes the batches that all subscribers of a topic share. */
export class FanOut {
  readonly #pool: BufferPool;
  readonly #unsent: UnsentBatches;
  readonly #counters: Counters;
  readonly #deflate: DeflateSettings | undefined;
  /** Batches for single subscriptions, apart from those of a running walk. */
  readonly #batches: TopicBatches;

  /** @param deflate settings for connections that accept compressed frames; without it no frame is compressed */
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

  /** Encodes publications into slabs of the pool. The slabs return when the last socket has released the batch. */
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
   * Delivers everything to a live subscription that ends before the next flush. Returns false, and delivers nothing, if
   * its socket has no room.
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

  /** Encodes a batch for one connection, uncompressed: compression only pays when many connections share the result. */
  readonly #encodeUncompressed: Encode = (format, origin, publications) => {
    this.#counters.encodes++;
    const batch = encode(format, origin, publications, this.#pool, this.#unsent.onSent);
    this.#unsent.add(batch);
    return batch;
  };
}
