/** Share of the watermark below which the heap is no longer high. */
const LOW = 0.9;

/**
 * How full the heap is, against a watermark: high once two looks in a row are above it, until one is below 0.9 of it.
 *
 * What V8 calls used is live objects and garbage: a sawtooth, whose low points are what is live. A look above may be a
 * peak, which the next collection takes away; one below is proof. Two in a row are enough, because V8 collects at the latest
 * half way between what was live and the limit: used stays above 0.9 of the limit only when about 0.8 of it is live. It
 * would be wrong to wait for a collection to make sure: just before the limit they come one after the other, and the loop
 * stands still for each. Buffers are not on the heap: what is sent to clients has budgets of its own.
 */
export class HeapUse {
  readonly #watermark: number;
  #above = false;
  #high = false;

  /** @param watermark share of the heap limit, up to 1 */
  constructor(watermark: number) {
    this.#watermark = watermark;
  }

  get high(): boolean {
    return this.#high;
  }

  /** @param share of the heap limit that is used */
  note(share: number): void {
    const above = share > this.#watermark;
    if (above && this.#above) this.#high = true;
    else if (share < this.#watermark * LOW) this.#high = false;
    this.#above = above;
  }
}
