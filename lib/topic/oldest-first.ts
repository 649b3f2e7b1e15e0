interface Link<Key, Value> {
  readonly key: Key;
  readonly value: Value;
  older: Link<Key, Value> | undefined;
  newer: Link<Key, Value> | undefined;
}

/**
 * Map in the order in which entries were last set. Finds the oldest entry in O(1), whatever was deleted. An iterator of
 * a `Map` passes over all entries deleted before it, so a queue made of one is quadratic.
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

  /** Sets the entry and makes it the newest. */
  set(key: Key, value: Value): void {
    this.delete(key);
    const link: Link<Key, Value> = { key, value, older: this.#newest, newer: undefined };
    if (this.#newest === undefined) this.#oldest = link;
    else this.#newest.newer = link;
    this.#newest = link;
    this.#links.set(key, link);
  }

  /** Deletes the entry. Returns true if it existed. */
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

  /** Iterates oldest first. The current entry may be deleted meanwhile, but no other. */
  *values(): Generator<Value, void> {
    for (let link = this.#oldest; link !== undefined; link = link.newer) yield link.value;
  }

  /** Iterates newest first. The current entry may be deleted meanwhile, but no other. */
  *newestFirst(): Generator<Value, void> {
    for (let link = this.#newest; link !== undefined; link = link.older) yield link.value;
  }
}
