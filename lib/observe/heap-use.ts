/** Share of the watermark below which the heap is no longer high. */
const LOW = 0.9;

/** Looks after which a heap that nothing was collected from is no longer believed to be full, and shares of the limit. */
const BELIEVED_LOOKS = 10;
const COLLECTED = 0.005;
const GROWN = 0.02;

/**
 * Heap use against a watermark: high once two looks in a row are above it, until one is below 0.9 of it.
 *
 * What is used is live objects and garbage: a sawtooth, whose low points are what is live. A look above may be a peak that
 * the next collection takes away, so it needs a second one; a look below is proof. Two are enough, and the garbage need
 * not be subtracted, because near the limit there is little: V8 collects at the latest half way between what was live and
 * the limit (a busy heap of which 0.7 is live was seen to go up to 0.88, and with 0.8 to 0.93). To wait for a low point would
 * be too late: just before the limit the loop stands still for one collection after the other. Buffers are not on this
 * heap: what is sent to clients has budgets of its own.
 *
 * V8 collects when something is allocated. A process that takes nothing new in may allocate so little that it never learns
 * that most of its heap is garbage by now (seen for minutes). So when nothing was collected for ten looks it is no longer
 * high, until it has grown by a fiftieth of the limit or a collection has shown what is live.
 */
export class HeapUse {
  readonly #watermark: number;
  #above = false;
  #high = false;
  #last = 0;
  /** Looks since a collection, while it is high. */
  #looks = 0;
  /** Share in use when it was last found doubtful. */
  #doubted = 0;

  /** @param watermark share of the heap limit, up to 1 */
  constructor(watermark: number) {
    this.#watermark = watermark;
  }

  get high(): boolean {
    return this.#high;
  }

  /** @param share of the heap limit that is used */
  note(share: number): void {
    if (share < this.#last - COLLECTED) this.#looks = this.#doubted = 0;
    this.#last = share;
    const above = share > Math.max(this.#watermark, this.#doubted);
    if (above && this.#above) this.#high = true;
    else if (share < this.#watermark * LOW) this.#high = false;
    this.#above = above;
    if (!this.#high) this.#looks = 0;
    else if (++this.#looks > BELIEVED_LOOKS) this.#doubt(share);
  }

  #doubt(share: number): void {
    this.#high = this.#above = false;
    this.#doubted = share + GROWN;
  }
}
