/** Counts bytes that several parties keep, against one limit. */
export class ByteLedger {
  readonly limit: number;
  #exceeded: () => void = () => {};
  #used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Calls back at each addition that ends above the limit. The last call back counts. */
  whenExceeded(act: () => void): void {
    this.#exceeded = act;
  }

  /** Bytes kept now. */
  get used(): number {
    return this.#used;
  }

  get exceeded(): boolean {
    return this.#used > this.limit;
  }

  /** @param bytes negative for what is given back */
  add(bytes: number): void {
    this.#used += bytes;
    if (bytes > 0 && this.exceeded) this.#exceeded();
  }
}
