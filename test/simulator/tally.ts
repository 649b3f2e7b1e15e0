/** Counts what scenarios get to: a generator that no longer reaches something would find nothing wrong with it. */
export class Tally {
  readonly #counts = new Map<string, number>();

  note(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  count(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  /** Most frequent first. */
  get all(): readonly (readonly [what: string, count: number])[] {
    return [...this.#counts].sort((a, b) => b[1] - a[1]);
  }
}
