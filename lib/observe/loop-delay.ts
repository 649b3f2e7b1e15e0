/** Milliseconds over which lateness is smoothed. */
const SMOOTHING_MS = 1000;

/** Shares of the watermark, see {@link LoopDelay}. */
const LARGEST_SAMPLE = 2;
const LARGEST_STEP = 0.6;
const LOW = 0.5;

/**
 * Delay of the event loop, smoothed over about a second, against a watermark: high above it, until below half of it.
 *
 * One late tick is no load, whatever its length: it was a long garbage collection, a debugger, or a laptop that slept. So a
 * tick moves the value by at most 0.6 of the watermark, and it takes two within about a second to get above. And no tick
 * counts for more than twice the watermark, so that the value is low again after 1.4 seconds on time.
 */
export class LoopDelay {
  readonly #watermark: number;
  #smoothed = 0;
  #high = false;

  /** @param watermark milliseconds */
  constructor(watermark: number) {
    this.#watermark = watermark;
  }

  get high(): boolean {
    return this.#high;
  }

  /** Milliseconds, smoothed. */
  get smoothed(): number {
    return this.#smoothed;
  }

  /**
   * @param late milliseconds that a timer ran too late
   * @param elapsed milliseconds since the last note
   */
  note(late: number, elapsed: number): void {
    const sample = Math.min(late, this.#watermark * LARGEST_SAMPLE);
    const weight = 1 - Math.exp(-elapsed / SMOOTHING_MS);
    const step = (sample - this.#smoothed) * weight;
    this.#smoothed += Math.min(step, this.#watermark * LARGEST_STEP);
    if (this.#smoothed > this.#watermark) this.#high = true;
    else if (this.#smoothed < this.#watermark * LOW) this.#high = false;
  }
}
