/**
 * Subscriptions of a connection by topic name, in the order of subscribing. Most connections have one, for which a Map
 * would cost 184 bytes and this class 48. The Map is created for the second.
 */
export class Subscriptions<T> {
  /** Name of the first topic; undefined without topics, and after the first of several has ended. */
  #name: string | undefined;
  #first: T | undefined;
  /** Further subscriptions; undefined without any. */
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
    // Goes behind the others, if any, to keep the order.
    if (name === this.#name || this.size === 0) {
      this.#name = name;
      this.#first = subscription;
    } else (this.#others ??= new Map<string, T>()).set(name, subscription);
  }

  /** Removes a subscription. Returns false when there was none. */
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

  /** Iterates like a Map: a subscription may be deleted before it is reached. */
  *values(): Generator<T, void> {
    if (this.#name !== undefined) yield this.#first as T;
    if (this.#others !== undefined) yield* this.#others.values();
  }
}
