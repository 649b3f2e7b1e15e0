/** Factor between the usual slice and the longest. */
const LONGEST = 4;

/**
 * Length of a slice of a flush before the event loop turns: the usual slice, or the time for which the loop has kept
 * the flush waiting, up to the longest. So a flood of messages, or a garbage collection, takes no more of the loop than
 * a flush, unless its turns are longer than the longest slice.
 */
export class FairSlice {
  #dueAt = 0;

  /** @param usual milliseconds of a slice that did not have to wait */
  constructor(readonly usual: number) {}

  /** Notes that the next slice is due at `time`. */
  due(time: number): void {
    this.#dueAt = time;
  }

  /** Returns the end of a slice that begins now. */
  endOf(now: number): number {
    return now + Math.min(Math.max(now - this.#dueAt, this.usual), this.usual * LONGEST);
  }
}
