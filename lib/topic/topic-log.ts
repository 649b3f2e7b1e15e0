import type { LogEntry } from '../wire/log-entry.js';

/**
 * The publications of one topic that somebody may still need, oldest first, without holes.
 * Offsets count from 1. Appending is O(1) whoever listens; dropping is amortised O(1).
 */
export class TopicLog {
  #entries: (LogEntry | undefined)[] = [];
  /** Dropped entries still at the head of the array: shifting at each drop would make a flush O(log). */
  #dropped = 0;
  #head = 0;
  #bytes = 0;

  /** @param epoch names this log: offsets of another epoch mean nothing here */
  constructor(readonly epoch: string) {}

  /** Offset of the newest publication, 0 before the first. */
  get head(): number {
    return this.#head;
  }

  /** Offset of the oldest publication kept; `head + 1` when none is. */
  get first(): number {
    return this.#head - (this.#entries.length - this.#dropped) + 1;
  }

  /** Bytes of the payloads kept. */
  get bytes(): number {
    return this.#bytes;
  }

  append(json: string, bytes: number, except?: string): void {
    this.#entries.push({ offset: ++this.#head, json, bytes, except });
    this.#bytes += bytes;
  }

  /** The publications after offset `since`, up to and with `to`. Whatever was dropped is not in it. */
  range(since: number, to: number): LogEntry[] {
    const first = this.first;
    const from = this.#dropped + Math.max(since + 1 - first, 0);
    return this.#entries.slice(from, this.#dropped + Math.max(to + 1 - first, 0)) as LogEntry[];
  }

  /** Drops what is older than offset `first`. */
  dropBefore(first: number): void {
    const end =
      this.#dropped + Math.min(Math.max(first - this.first, 0), this.#entries.length - this.#dropped);
    for (let i = this.#dropped; i < end; i++) {
      this.#bytes -= this.#entries[i]!.bytes;
      this.#entries[i] = undefined;
    }
    if (end === this.#entries.length) {
      this.#entries = [];
      this.#dropped = 0;
    } else if (end > 64 && end * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(end);
      this.#dropped = 0;
    } else {
      this.#dropped = end;
    }
  }
}
