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

  /** How many were not logged. */
  get silent(): number {
    return this.#silent;
  }

  /** Whether no more of this minute are logged. */
  get full(): boolean {
    return this.#taken === MOST;
  }

  /** Whether its minute is over. */
  isOver(now: number): boolean {
    return now - this.#since >= PERIOD_MS;
  }

  /** Whether one more is to be logged; counts it in either case. */
  take(): boolean {
    if (this.full) {
      this.#silent++;
      return false;
    }
    this.#taken++;
    return true;
  }
}
