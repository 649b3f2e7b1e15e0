/** One ping that is not answered. */
export interface Mark {
  readonly token: number;
  /** Bytes written before it. */
  readonly upTo: number;
  /** Those since the last ping. */
  readonly bytes: number;
  /** When the first of those was written, or earlier. */
  readonly first: number;
  /** Those that were not acknowledged when it was written, and of which the time of the first is known. */
  readonly timed: number;
  /** When the first of its own bytes was written, or earlier. */
  readonly begun: number;
  /** When the first of the bytes in flight was written, or earlier. */
  readonly since: number;
  readonly at: number;
  /** Whether the socket was not read for a while, so that the time of the answer says nothing. */
  isStale: boolean;
}

/** The pings that are not answered, in the order in which they were written. */
export class OpenPings {
  /** Answers so far. */
  answered = 0;
  readonly #marks: Mark[] = [];
  readonly #most: number;

  /** @param most pings that are remembered */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#marks.length;
  }

  get oldest(): Mark | undefined {
    return this.#marks[0];
  }

  add(mark: Mark): void {
    this.#marks.push(mark);
    // The oldest stays: it tells the lag.
    if (this.#marks.length > this.#most) this.#marks.splice(1, 1);
  }

  /**
   * Takes a ping and all earlier ones: RFC 6455 section 5.5.3 lets a peer answer the newest only. Undefined for a token that is
   * not, or no longer, waited for.
   */
  take(token: number): Mark | undefined {
    const at = this.#marks.findIndex(mark => mark.token === token);
    if (at < 0) return undefined;
    this.answered++;
    return this.#marks.splice(0, at + 1).at(-1);
  }

  /** The time of the answers says nothing. */
  outdate(): void {
    for (const mark of this.#marks) mark.isStale = true;
  }
}
