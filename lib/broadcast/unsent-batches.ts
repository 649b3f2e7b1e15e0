import type { Batch } from '../wire/batch.js';

/** The batches that some socket still holds, for those who wait until everything is with the kernel. */
export class UnsentBatches {
  readonly #batches = new Set<Batch>();
  readonly #waiting = new Set<{ readonly batches: Set<Batch>; readonly done: () => void }>();

  /** Counts a batch that calls {@link onSent} in the end. */
  add(batch: Batch): void {
    this.#batches.add(batch);
  }

  /** What a batch calls when its last holder has let go. */
  readonly onSent = (batch: Batch): void => {
    this.#batches.delete(batch);
    for (const waiter of this.#waiting) {
      if (!waiter.batches.delete(batch) || waiter.batches.size > 0) continue;
      this.#waiting.delete(waiter);
      waiter.done();
    }
  };

  /** Resolves when every batch that is out now has left this process, or its socket has ended. */
  sent(): Promise<void> {
    if (this.#batches.size === 0) return Promise.resolve();
    return new Promise(done => this.#waiting.add({ batches: new Set(this.#batches), done }));
  }
}
