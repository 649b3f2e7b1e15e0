/** Time in which the event loop stood still. */
interface Stall {
  /** End of the stall. */
  readonly at: number;
  readonly ms: number;
}

/** Most stalls that are told apart. A loop under load has one stall after the other for hours. */
const MOST = 64;

/** Stalls of the event loop that still matter to some peer. Milliseconds of one clock. */
export class Stalls {
  #list: Stall[] = [];

  /** Number of stalls that are told apart. */
  get size(): number {
    return this.#list.length;
  }

  /** Notes a stall, and forgets old ones. @param horizon milliseconds that silence may last, without stalls: older ones go */
  note(at: number, ms: number, horizon: number): void {
    this.#list.push({ at, ms });
    const lost = this.#list.reduce((sum, stall) => sum + stall.ms, 0);
    this.#list = this.#list.filter(stall => at - stall.at < horizon + lost);
    if (this.#list.length > MOST) this.#merge(at);
  }

  /** Milliseconds of all stalls after a moment. A stall around this moment counts from the moment on. */
  since(moment: number): number {
    let sum = 0;
    for (const { at, ms } of this.#list) if (at > moment) sum += Math.min(ms, at - moment);
    return sum;
  }

  /** Merges the two neighbours that are shortest for their age. The exact times of old stalls matter less. */
  #merge(now: number): void {
    const list = this.#list;
    let best = 0;
    let least = Infinity;
    let from = list[0]!.at - list[0]!.ms;
    for (let i = 0; i + 1 < list.length; i++) {
      const share = (list[i + 1]!.at - from) / (now - from);
      from = list[i]!.at;
      if (share >= least) continue;
      least = share;
      best = i;
    }
    const [a, b] = list.slice(best, best + 2);
    list.splice(best, 2, { at: b!.at, ms: a!.ms + b!.ms });
  }
}
