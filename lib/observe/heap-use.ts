/** Share of the watermark below which the heap is no longer high. */
const LOW = 0.9;

/**
 * How full the heap is, against a watermark: high once two looks in a row are above it, until one is below 0.9 of it.
 *
 * What is used is live objects and garbage: a sawtooth, whose low points are what is live. A look above may be a peak that
 * the next collection takes away, so it needs a second one; a look below is proof. Two are enough, and the garbage need
 * not be subtracted, because near the limit there is little: V8 collects at the latest half way between what was live and
 * the limit (a busy heap of which 0.7 is live was seen to go up to 0.88, and with 0.8 to 0.93). To wait for a low point would
 * be too late: just before the limit the loop stands still for one collection after the other. Buffers are not on this
 * heap: what is sent to clients has budgets of its own.
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
