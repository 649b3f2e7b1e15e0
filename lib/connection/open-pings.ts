/** Unanswered ping. */
export interface Mark {
  readonly token: number;
  /** Bytes written before the ping. */
  readonly upTo: number;
  /** Bytes written since the last ping. */
  readonly bytes: number;
  /** Time of the first write of {@link bytes}, or earlier. */
  readonly first: number;
  /** Bytes in flight when the ping was written, without bytes sent at unknown times. */
  readonly timed: number;
  /** Time of the first write since the last ping that still counts as in flight, or earlier. */
  readonly begun: number;
  /** Time of the first write of all bytes in flight, or earlier. */
  readonly since: number;
  readonly at: number;
  /** True if the socket was not read for a while, so that the time of the answer means nothing. */
  isStale: boolean;
}

/** Unanswered pings, in the order of their writing. */
export class OpenPings {
  /** Number of answers so far. */
  answered = 0;
  readonly #marks: Mark[] = [];
  readonly #most: number;

  /** @param most largest number of remembered pings */
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
    // The oldest ping stays, because it tells the lag.
    if (this.#marks.length > this.#most) this.#marks.splice(1, 1);
  }

  /**
   * Removes a ping and all earlier ones, because RFC 6455 section 5.5.3 allows to answer the newest only. Returns
   * undefined when no unanswered ping has this token.
   */
  take(token: number): Mark | undefined {
    const at = this.#marks.findIndex(mark => mark.token === token);
    if (at < 0) return undefined;
    this.answered++;
    return this.#marks.splice(0, at + 1).at(-1);
  }

  /** Marks all pings as stale: the times of their answers mean nothing. */
  outdate(): void {
    for (const mark of this.#marks) mark.isStale = true;
  }
}
