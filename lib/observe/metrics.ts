import type { Load, Overload } from './load.js';
import type { RejectionCause, Rejections } from './rejections.js';

/** What this process counts; inject it. Each property is a snapshot of the moment it is read. */
export abstract class FanoutMetrics {
  /** Upgrades, messages and connections that were refused since start, by cause. */
  abstract readonly rejected: Readonly<Record<RejectionCause, number>>;

  /**
   * Why new connections and new subscriptions are refused at the moment: `'loop-delay'` or `'heap'` is above its limit.
   * Undefined when they are let in, and in an application without gateways.
   */
  abstract readonly overload: Overload | undefined;
}

/** @internal */
export class ProcessMetrics extends FanoutMetrics {
  readonly #rejections: Rejections;
  readonly #load: Load;

  constructor(rejections: Rejections, load: Load) {
    super();
    this.#rejections = rejections;
    this.#load = load;
  }

  get rejected(): Readonly<Record<RejectionCause, number>> {
    return this.#rejections.counts;
  }

  get overload(): Overload | undefined {
    return this.#load.overload;
  }
}
