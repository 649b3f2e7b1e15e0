import type { RejectionCause, Rejections } from './rejections.js';

/** What this process counts; inject it. Each property is a snapshot of the moment it is read. */
export abstract class FanoutMetrics {
  /** Upgrades, messages and connections that were refused since start, by cause. */
  abstract readonly rejected: Readonly<Record<RejectionCause, number>>;
}

/** @internal */
export class ProcessMetrics extends FanoutMetrics {
  readonly #rejections: Rejections;

  constructor(rejections: Rejections) {
    super();
    this.#rejections = rejections;
  }

  get rejected(): Readonly<Record<RejectionCause, number>> {
    return this.#rejections.counts;
  }
}
