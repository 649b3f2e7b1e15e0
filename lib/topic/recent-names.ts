/** Most names remembered, of both generations together: 10 MB. */
export const MOST_NAMES = 100_000;

/**
 * Map that forgets the oldest names. It has two generations, and drops the older one as a whole. So it needs no time
 * for each name and no timer, and every step is O(1).
 */
export class RecentNames<Value> {
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  /** Beginning of the younger generation, in milliseconds. */
  #began: number;
  readonly #most: number;

  /**
   * @param now milliseconds of a monotonic clock
   * @param most names, of both generations together
   */
  constructor(now: number, most = MOST_NAMES) {
    this.#began = now;
    this.#most = most;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(name: string): Value | undefined {
    return this.#young.get(name) ?? this.#old.get(name);
  }

  set(name: string, value: Value): void {
    this.#old.delete(name);
    this.#young.set(name, value);
  }

  /** Moves a name to the younger generation, if the map has it. */
  refresh(name: string): void {
    const value = this.get(name);
    if (value !== undefined) this.set(name, value);
  }

  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }

  /**
   * Drops the older generation when the younger one is full or `keep` milliseconds old. So a name is remembered for at
   * least `keep`, unless half of the most names came later.
   * @returns true if a new generation begins
   */
  turn(now: number, keep: number): boolean {
    if (this.size === 0) this.#began = now;
    if (now - this.#began < keep && this.#young.size < this.#most / 2) return false;
    if (this.size === 0) return false;
    this.#old = this.#young;
    this.#young = new Map();
    this.#began = now;
    return true;
  }
}
