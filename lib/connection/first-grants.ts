/** Bytes after which the first client is pinged, and how many more the next one gets. */
const LEAST = 14 * 1024;
const STEP = 512;
const MOST = 20 * 1024;

/** A grant without a bound: the largest that V8 keeps without an object on every machine. */
export const UNBOUNDED: number = 2 ** 30 - 1;

/**
 * Bytes after which a client of which nothing is known gets its first ping. Its answer comes before the first window is
 * full. Not all clients get the same: those of one topic would all be pinged in the same flush.
 */
export class FirstGrants {
  #next = LEAST;
  readonly #isBounded: boolean;

  /** @param flightTime milliseconds in which a client reads what is under way; Infinity bounds nothing */
  constructor(flightTime: number) {
    this.#isBounded = flightTime < Infinity;
  }

  /** The bytes of one more client. */
  next(): number {
    if (!this.#isBounded) return UNBOUNDED;
    const bytes = this.#next;
    this.#next = bytes < MOST ? bytes + STEP : LEAST;
    return bytes;
  }
}
