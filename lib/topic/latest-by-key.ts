import type { LogEntry } from '../wire/log-entry.js';
import { OldestFirst } from './oldest-first.js';

/**
 * Newest publication of each key on a conflating topic, oldest first. It serves subscribers that are behind, however
 * far.
 */
export class LatestByKey {
  // In the order of offsets, because each publication sets its key anew.
  readonly #entries = new OldestFirst<string | undefined, LogEntry>();
  readonly #limit: number;
  #bytes = 0;
  #reach: number;
  #mortal = 0;

  /**
   * @param limit most bytes of payload; beyond it the oldest publications are dropped, and a subscriber that needed
   *   them has a gap
   * @param head offset after which the topic begins
   */
  constructor(limit: number, head = 0) {
    this.#limit = limit;
    this.#reach = head;
  }

  /** The lowest cursor that misses nothing here. */
  get reach(): number {
    return this.#reach;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of the kept payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True if a kept publication may expire. */
  get mortal(): boolean {
    return this.#mortal > 0;
  }

  set(entry: LogEntry): void {
    const before = this.#entries.get(entry.key);
    if (before !== undefined) this.#delete(before);
    this.#entries.set(entry.key, entry);
    this.#bytes += entry.bytes;
    if (entry.expires > 0) this.#mortal++;
    while (this.#bytes > this.#limit && this.#entries.size > 1) this.#drop(this.#entries.oldest!);
  }

  /**
   * Returns the newest publication of each key after offset `since`, without publications after `to`. Offsets ascend.
   */
  range(since: number, to: number): LogEntry[] {
    const entries: LogEntry[] = [];
    for (const entry of this.#entries.newestFirst()) {
      if (entry.offset <= since) break;
      if (entry.offset <= to) entries.push(entry);
    }
    return entries.toReversed();
  }

  /** Drops everything, because the topic continues after offset `head`. */
  moveTo(head: number): void {
    while (this.#entries.size > 0) this.#drop(this.#entries.oldest!);
    this.#reach = head;
  }

  /** Notes that every subscriber has the publications up to `offset`. */
  settle(offset: number): void {
    while (this.#entries.size > 0 && this.#entries.oldest!.offset <= offset)
      this.#drop(this.#entries.oldest!);
  }

  #drop(oldest: LogEntry): void {
    this.#delete(oldest);
    this.#reach = oldest.offset;
  }

  #delete({ key, bytes, expires }: LogEntry): void {
    this.#entries.delete(key);
    this.#bytes -= bytes;
    if (expires > 0) this.#mortal--;
  }
}
