/** A moment that can come again, and the promises of those who wait for it. */
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
