/** Rounds before a judgement. The first third is warming up. */
const LEAST_ROUNDS = 9;

/** Bytes that the last third of the rounds may be above the middle third: what an allocator does by itself. */
const NOISE = 1.5 * 2 ** 20;

/** What the process has kept after each of equal rounds: it must not grow. */
export class Memory {
  readonly #kept: number[] = [];

  add({ kept }: { kept: number }): void {
    this.#kept.push(kept);
  }

  /** What is wrong with it, or undefined if nothing is, or there is too little to judge. */
  growth(): string | undefined {
    const third = Math.floor(this.#kept.length / 3);
    if (this.#kept.length < LEAST_ROUNDS) return undefined;
    const middle = median(this.#kept.slice(third, 2 * third));
    const last = median(this.#kept.slice(-third));
    if (last - middle <= NOISE) return undefined;
    return `the memory grows: ${mib(middle)} MiB in the middle, ${mib(last)} MiB at the end of ${this.#kept.length} rounds`;
  }

  toString(): string {
    return this.#kept.length === 0
      ? 'not measured'
      : `${mib(this.#kept[0]!)} → ${mib(this.#kept.at(-1)!)} MiB`;
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(2);
}
