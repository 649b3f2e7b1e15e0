import type { RejectionCause } from '../observe/rejections.js';
import type { ResolvedFanoutOptions } from '../options/fanout-options.js';
import { AddressTimes } from './address-times.js';

/** Seconds of its rate that may come at once. */
const BURST_S = 2;

/**
 * Token buckets for new connections: one for the process and one for each client address. A bucket is one number, the
 * time at which it is full again; one that is full is forgotten.
 */
export class AdmissionRates {
  readonly #now: () => number;
  /** Milliseconds that one connection takes; 0 is no limit. */
  readonly #each: number;
  readonly #eachPerIp: number;
  #fullAt = 0;
  readonly #fullAtByIp = new AddressTimes();

  /** @param now milliseconds of a clock that does not go back, above 0 */
  constructor(
    {
      connectionsPerSecond,
      connectionsPerSecondPerIp,
    }: Pick<ResolvedFanoutOptions['limits'], 'connectionsPerSecond' | 'connectionsPerSecondPerIp'>,
    now: () => number,
  ) {
    this.#each = connectionsPerSecond === 0 ? 0 : 1000 / connectionsPerSecond;
    this.#eachPerIp = connectionsPerSecondPerIp === 0 ? 0 : 1000 / connectionsPerSecondPerIp;
    this.#now = now;
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#fullAtByIp.size;
  }

  /**
   * Returns the limit that one more connection of this address would exceed. Counts nothing, so a refused client costs
   * the others nothing.
   */
  exceededBy(ip: string): RejectionCause | undefined {
    if (this.#each === 0 && this.#eachPerIp === 0) return undefined;
    const now = this.#now();
    if (isEmpty(this.#fullAt, this.#each, now)) return 'connection-rate';
    if (this.#eachPerIp === 0) return undefined;
    return isEmpty(this.#fullAtByIp.of(ip), this.#eachPerIp, now) ? 'connection-rate-per-ip' : undefined;
  }

  /** Counts a connection that is admitted. */
  count(ip: string): void {
    if (this.#each === 0 && this.#eachPerIp === 0) return;
    const now = this.#now();
    this.#fullAt = Math.max(this.#fullAt, now) + this.#each;
    if (this.#eachPerIp === 0) return;
    this.#fullAtByIp.set(ip, Math.max(this.#fullAtByIp.of(ip), now) + this.#eachPerIp, now);
  }
}

/** Tells whether a bucket has less room than one connection needs. */
function isEmpty(fullAt: number, each: number, now: number): boolean {
  // A hundredth of tolerance, because sums of fractions are not exact.
  return each > 0 && fullAt - now > BURST_S * 1000 - each * 0.99;
}
