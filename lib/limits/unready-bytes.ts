/** Ledger of bytes that wait for their connections to be ready, and of the number of these connections. */
export class UnreadyBytes {
  readonly #limit: number;
  #used = 0;
  #holders = 0;

  /** @param limit bytes of all connections */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that wait now. */
  get used(): number {
    return this.#used;
  }

  /**
   * Tells whether a connection that has `held` bytes may have `bytes` more: while there is room, and above the limit up
   * to its share. Connections with many bytes must not keep out connections with few. The total stays bounded, because
   * the share of the n-th connection is an n-th.
   */
  fits(held: number, bytes: number): boolean {
    if (this.#used + bytes <= this.#limit) return true;
    const holders = held === 0 ? this.#holders + 1 : this.#holders;
    return held + bytes <= this.#limit / holders;
  }

  /**
   * Tells whether the messages of a disconnected client may be kept, in half of the room, so that there is room for new
   * connections.
   */
  fitsBehind(bytes: number): boolean {
    return this.#used + bytes <= this.#limit / 2;
  }

  /** Adds bytes of a connection. @param held bytes that the connection had before */
  add(held: number, bytes: number): void {
    if (held === 0 && bytes > 0) this.#holders++;
    this.#used += bytes;
  }

  /** Removes all bytes of a connection. @param held number of these bytes */
  give(held: number): void {
    if (held > 0) this.#holders--;
    this.#used -= held;
  }
}
