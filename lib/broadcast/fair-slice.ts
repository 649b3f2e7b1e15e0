/** A slice is no longer than so many times the usual one, however long it had to wait. */
const LONGEST = 4;

/**
 * How long a flush goes on before it lets the event loop turn: for the usual slice, or for as long as the loop has kept it
 * waiting, up to the longest. So a flood of messages, or what a collection of the heap has held up, takes no more of the
 * loop than a flush, unless its turns are longer than that.
 */
export class FairSlice {
  #dueAt = 0;

  /** @param usual milliseconds of a slice that had not to wait */
  constructor(readonly usual: number) {}

  /** The next slice is due at `time`. */
  due(time: number): void {
    this.#dueAt = time;
  }

  /** When the slice that begins now is over. */
  endOf(now: number): number {
    return now + Math.min(Math.max(now - this.#dueAt, this.usual), this.usual * LONGEST);
  }
}
