/**
 * What a connection is subscribed to, by topic name, in the order it subscribed. Mostly that is one topic, for which a
 * Map would be 184 bytes and this is 48: the Map comes with the second.
 */
export class Subscriptions<T> {
  /** Undefined when there is none, and after the first of several has ended. */
  #name: string | undefined;
  #first: T | undefined;
  /** Undefined when empty. */
  #others: Map<string, T> | undefined;

  get size(): number {
    return (this.#name === undefined ? 0 : 1) + (this.#others?.size ?? 0);
  }

  get(name: string): T | undefined {
    return name === this.#name ? this.#first : this.#others?.get(name);
  }

  has(name: string): boolean {
    return name === this.#name || this.#others?.has(name) === true;
  }

  set(name: string, subscription: T): void {
    // With others present it goes behind them, or the order would be lost.
    if (name === this.#name || this.size === 0) {
      this.#name = name;
      this.#first = subscription;
    } else (this.#others ??= new Map<string, T>()).set(name, subscription);
  }

  /** Returns false when there was none. */
  delete(name: string): boolean {
    if (name === this.#name) {
      this.#name = this.#first = undefined;
      return true;
    }
    const deleted = this.#others?.delete(name) === true;
    if (this.#others?.size === 0) this.#others = undefined;
    return deleted;
  }

  *keys(): Generator<string, void> {
    if (this.#name !== undefined) yield this.#name;
    if (this.#others !== undefined) yield* this.#others.keys();
  }

  /** As with a Map, those not yet reached may be deleted meanwhile. */
  *values(): Generator<T, void> {
    if (this.#name !== undefined) yield this.#first as T;
    if (this.#others !== undefined) yield* this.#others.values();
  }
}
