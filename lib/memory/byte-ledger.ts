/** Counts bytes that several parties keep, against one limit. */
export class ByteLedger {
  readonly limit: number;
  readonly #exceeded: () => void;
  #used = 0;

  /** @param exceeded called at each addition that ends above the limit */
  constructor(limit: number, exceeded: () => void = () => {}) {
    this.limit = limit;
    this.#exceeded = exceeded;
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
