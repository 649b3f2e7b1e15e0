/** Lines of one kind that are logged within {@link PERIOD_MS}: whoever brings them about must not fill the disk. */
const MOST = 3;
const PERIOD_MS = 60_000;

/** The first few of one kind within a minute, and how many more there were. */
export class Sample {
  readonly #since: number;
  #taken = 0;
  #silent = 0;

  /** @param since milliseconds of any clock that does not go back */
  constructor(since: number) {
    this.#since = since;
  }

  /** Number of lines that were not logged. */
  get silent(): number {
    return this.#silent;
  }

  /** True if no more lines of this minute are logged. */
  get full(): boolean {
    return this.#taken === MOST;
  }

  /** True if the minute is over. */
  isOver(now: number): boolean {
    return now - this.#since >= PERIOD_MS;
  }

  /** Counts a line. Returns true if it is to be logged. */
  take(): boolean {
    if (this.full) {
      this.#silent++;
      return false;
    }
    this.#taken++;
    return true;
  }
}
