import type { Batch } from '../wire/batch.js';

/** Batches that some socket still holds, for callers that wait until the kernel has accepted everything. */
export class UnsentBatches {
  readonly #batches = new Set<Batch>();
  readonly #waiting = new Set<{ readonly batches: Set<Batch>; readonly done: () => void }>();

  /** Counts a batch, which must call {@link onSent} in the end. */
  add(batch: Batch): void {
    this.#batches.add(batch);
  }

  /** Notes the last release of a batch. */
  readonly onSent = (batch: Batch): void => {
    this.#batches.delete(batch);
    for (const waiter of this.#waiting) {
      if (!waiter.batches.delete(batch) || waiter.batches.size > 0) continue;
      this.#waiting.delete(waiter);
      waiter.done();
    }
  };

  /** Resolves when every batch counted now has left this process, or its socket has ended. */
  sent(): Promise<void> {
    if (this.#batches.size === 0) return Promise.resolve();
    return new Promise(done => this.#waiting.add({ batches: new Set(this.#batches), done }));
  }
}
