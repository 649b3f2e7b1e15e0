import type { BufferPool } from '../memory/buffer-pool.js';
import type { Batch, BatchSink } from '../wire/batch.js';
import { encode } from '../wire/encode.js';
import type { WireFormat } from '../wire/json-format.js';
import type { LogEntry } from '../wire/log-entry.js';
import type { Subscription, Topic } from '../topic/topic.js';
import { TopicBatches } from './topic-batches.js';

/** Hands what was published on a topic to everybody who listens: a reference to a shared batch each, never a copy. */
export class FanOut {
  readonly #pool: BufferPool;
  /** Batches some socket still holds. */
  readonly #unsent = new Set<Batch>();
  readonly #waiting = new Set<{ readonly batches: Set<Batch>; readonly done: () => void }>();
  #turn = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Delivers the publications after the last flush. Sinks that now need a `write` are added to `touched`. */
  deliver(topic: Topic, touched: BatchSink[]): void {
    const to = topic.log.head;
    const { subscriptions } = topic;
    const batches = new TopicBatches(topic, topic.flushed, to, this.#encode);
    // Another one is first each time, so that nobody is always last.
    let at = subscriptions.length === 0 ? 0 : this.#turn++ % subscriptions.length;
    for (let left = subscriptions.length; left > 0; left--) {
      const subscription = subscriptions[at]!;
      const batch = batches.for(subscription);
      if (batch !== undefined && subscription.subscriber.sink.add(batch))
        touched.push(subscription.subscriber.sink);
      subscription.cursor = to;
      if (++at === subscriptions.length) at = 0;
    }
    batches.release();
    topic.settle(to);
  }

  /** Delivers to one subscription what it missed up to the last flush; what follows comes with the next one. */
  catchUp(subscription: Subscription): void {
    this.#deliverTo(subscription, subscription.topic.flushed);
  }

  /** Delivers to one subscription all there is, because it ends before the next flush. */
  finish(subscription: Subscription): void {
    if (!subscription.held) this.#deliverTo(subscription, subscription.topic.log.head);
  }

  #deliverTo(subscription: Subscription, to: number): void {
    const { topic, subscriber } = subscription;
    if (subscription.cursor >= to) return;
    const batches = new TopicBatches(topic, subscription.cursor, to, this.#encode);
    const batch = batches.for(subscription);
    if (batch !== undefined) subscriber.sink.add(batch);
    batches.release();
    subscription.cursor = to;
  }

  /** Resolves when every batch that is out now has left this process, or its socket has ended. */
  sent(): Promise<void> {
    if (this.#unsent.size === 0) return Promise.resolve();
    return new Promise(done => this.#waiting.add({ batches: new Set(this.#unsent), done }));
  }

  readonly #encode = (format: WireFormat, topic: string, publications: readonly LogEntry[]): Batch => {
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
