/** Moment that can come again, with promises for its next coming. */
export class Moment {
  #waiting: (() => void)[] = [];

  /** Resolves when the moment comes next. */
  next(): Promise<void> {
    return new Promise(resolve => this.#waiting.push(resolve));
  }

  /** Resolves the promises given so far. */
  come(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
