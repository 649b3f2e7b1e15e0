/** Counts what waits for its connection to be ready, and among how many connections that is. */
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
   * Whether a connection that has `held` bytes may have `bytes` more: while there is room, and above the limit up to its
   * share of it. Those who hold most must not keep out those who come with little. All together they cannot get far: the
   * share of the n-th is an n-th.
   */
  fits(held: number, bytes: number): boolean {
    if (this.#used + bytes <= this.#limit) return true;
    const holders = held === 0 ? this.#holders + 1 : this.#holders;
    return held + bytes <= this.#limit / holders;
  }

  /** Whether what a client has left behind may be kept: in half of the room, so that it does not keep out those who come. */
  fitsBehind(bytes: number): boolean {
    return this.#used + bytes <= this.#limit / 2;
  }

  /** @param held what the connection had before */
  add(held: number, bytes: number): void {
    if (held === 0 && bytes > 0) this.#holders++;
    this.#used += bytes;
  }

  /** @param held all that the connection has, which is given back */
  give(held: number): void {
    if (held > 0) this.#holders--;
    this.#used -= held;
  }
}
