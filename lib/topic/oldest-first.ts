interface Link<Key, Value> {
  readonly key: Key;
  readonly value: Value;
  older: Link<Key, Value> | undefined;
  newer: Link<Key, Value> | undefined;
}

/**
 * A map in the order in which its entries were last set. Whatever was deleted, the oldest entry is found in O(1): an
 * iterator of a `Map` passes over all that was deleted before it, which makes a queue of it quadratic.
 */
export class OldestFirst<Key, Value> {
  readonly #links = new Map<Key, Link<Key, Value>>();
  #oldest: Link<Key, Value> | undefined;
  #newest: Link<Key, Value> | undefined;

  get size(): number {
    return this.#links.size;
  }

  get oldest(): Value | undefined {
    return this.#oldest?.value;
  }

  get(key: Key): Value | undefined {
    return this.#links.get(key)?.value;
  }

  /** Makes it the newest, whether it was there or not. */
  set(key: Key, value: Value): void {
    this.delete(key);
    const link: Link<Key, Value> = { key, value, older: this.#newest, newer: undefined };
    if (this.#newest === undefined) this.#oldest = link;
    else this.#newest.newer = link;
    this.#newest = link;
    this.#links.set(key, link);
  }

  /** Whether it was there. */
  delete(key: Key): boolean {
    const link = this.#links.get(key);
    if (link === undefined) return false;
    this.#links.delete(key);
    const { older, newer } = link;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    return true;
  }

  /** Oldest first. The value at hand may be deleted meanwhile, others may not. */
  *values(): Generator<Value, void> {
    for (let link = this.#oldest; link !== undefined; link = link.newer) yield link.value;
  }

  /** Newest first. The value at hand may be deleted meanwhile, others may not. */
  *newestFirst(): Generator<Value, void> {
    for (let link = this.#newest; link !== undefined; link = link.older) yield link.value;
  }
}
