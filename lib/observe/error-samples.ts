/** Errors that are logged within {@link PERIOD_MS}; whoever brings them about must not fill the disk. */
const SAMPLES = 3;
const PERIOD_MS = 60_000;

/** Where they go. */
export interface ErrorLog {
  error(error: unknown, ...details: unknown[]): void;
}

/** Logs the first few errors of each minute: those that clients can bring about as often as they like. */
export class ErrorSamples {
  readonly #now: () => number;
  readonly #log: ErrorLog;
  #since = -Infinity;
  #logged = 0;

  /** @param now milliseconds of any clock that does not go back */
  constructor(now: () => number, log: ErrorLog) {
    this.#now = now;
    this.#log = log;
  }

  /** @param what went wrong; more errors of this minute are not logged */
  log(error: unknown, what: string): void {
    const now = this.#now();
    if (now - this.#since >= PERIOD_MS) {
      this.#since = now;
      this.#logged = 0;
    }
    if (this.#logged === SAMPLES) return;
    const last = ++this.#logged === SAMPLES ? '; more of this minute are not logged' : '';
    this.#log.error(error, `${what}${last}`);
  }
}
