/** A time in which the event loop stood still. */
interface Stall {
  /** When it ended. */
  readonly at: number;
  readonly ms: number;
}

/** Stalls that are told apart. A loop under load has one after the other for hours. */
const MOST = 64;

/** The stalls of the event loop that still matter to somebody. Milliseconds of one clock. */
export class Stalls {
  #list: Stall[] = [];

  /** Those that are told apart. */
  get size(): number {
    return this.#list.length;
  }

  /** @param horizon how long silence may last, stalls left out: what ended before that is forgotten */
  note(at: number, ms: number, horizon: number): void {
    this.#list.push({ at, ms });
    const lost = this.#list.reduce((sum, stall) => sum + stall.ms, 0);
    this.#list = this.#list.filter(stall => at - stall.at < horizon + lost);
    if (this.#list.length > MOST) this.#merge(at);
  }

  /** Milliseconds of all stalls after a moment; of one that it falls in, the rest. */
  since(moment: number): number {
    let sum = 0;
    for (const { at, ms } of this.#list) if (at > moment) sum += Math.min(ms, at - moment);
    return sum;
  }

  /** Makes one of two neighbours that are together short for their age: long ago, it matters less which of them it was. */
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
