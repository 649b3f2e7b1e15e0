import type { BufferPool } from '../memory/buffer-pool.js';
import type { Batch } from '../wire/batch.js';
import { type DeflateSettings, deflateOnce } from '../wire/deflate-once.js';
import { encode } from '../wire/encode.js';
import type { Subscription } from '../topic/topic.js';
import { type Encode, TopicBatches } from './topic-batches.js';

/** Makes the batches that everybody who listens shares, and knows which of them some socket still holds. */
export class FanOut {
  readonly #pool: BufferPool;
  /** For single subscriptions, beside the walk that may be under way. */
  readonly #batches: TopicBatches;
  readonly #deflate: DeflateSettings | undefined;
  /** Batches some socket still holds. */
  readonly #unsent = new Set<Batch>();
  readonly #waiting = new Set<{ readonly batches: Set<Batch>; readonly done: () => void }>();

  /** @param deflate for connections that take compressed frames; without it there is none */
  constructor(pool: BufferPool, deflate?: DeflateSettings) {
    this.#pool = pool;
    this.#deflate = deflate;
    this.#batches = new TopicBatches(this.#encodeUncompressed);
  }

  /** Frames publications into slabs of the pool; they go home when the last socket has let go of the batch. */
  readonly encode: Encode = (format, topic, publications) => {
    if (this.#deflate === undefined || format.deflates === undefined) {
      return this.#encodeUncompressed(format, topic, publications);
    }
    const uncompressed = encode(format.deflates, topic, publications, this.#pool);
    try {
      const batch = deflateOnce(uncompressed, this.#deflate, this.#pool, this.#onSent);
      this.#unsent.add(batch);
      return batch;
    } catch (error) {
      uncompressed.release();
      throw error;
    }
  };

  /** Delivers to one subscription what it missed up to the last flush; what follows comes with the next one. */
  catchUp(subscription: Subscription): void {
    this.#deliverTo(subscription, subscription.topic.flushed);
  }

  /** Delivers to one subscription all there is, because it ends before the next flush. */
  finish(subscription: Subscription): void {
    if (!subscription.held) this.#deliverTo(subscription, subscription.topic.log.head);
  }

  #deliverTo(subscription: Subscription, to: number): void {
    const { topic, sink, cursor } = subscription;
    if (cursor >= to) return;
    this.#batches.open(topic, cursor, to);
    const batch = this.#batches.for(subscription);
    if (batch !== undefined) sink.add(batch);
    this.#batches.close();
    subscription.cursor = to;
  }

  /** Resolves when every batch that is out now has left this process, or its socket has ended. */
  sent(): Promise<void> {
    if (this.#unsent.size === 0) return Promise.resolve();
    return new Promise(done => this.#waiting.add({ batches: new Set(this.#unsent), done }));
  }

  /** For a batch that one connection gets: compressing it would cost for each client what is meant to be paid once. */
  readonly #encodeUncompressed: Encode = (format, topic, publications) => {
    const batch = encode(format, topic, publications, this.#pool, this.#onSent);
    this.#unsent.add(batch);
    return batch;
  };

  readonly #onSent = (batch: Batch): void => {
    this.#unsent.delete(batch);
    for (const waiter of this.#waiting) {
      if (!waiter.batches.delete(batch) || waiter.batches.size > 0) continue;
      this.#waiting.delete(waiter);
      waiter.done();
    }
  };
}
