import type { LogEntry } from '../wire/log-entry.js';
import type { HistoryPolicy } from './topic-policy.js';

/** What a publication has beside its payload. */
export type EntryTerms = Pick<LogEntry, 'at' | 'expires' | 'key' | 'except'>;

/** Place where the log of a topic begins: after offset `head` of its epoch. */
export interface Beginning {
  readonly epoch: string;
  readonly head: number;
  /** Time when a position of this log was last given to the application, in milliseconds; -Infinity for never. */
  readonly usedAt: number;
}

/**
 * The publications of one topic that somebody may still need, oldest first, without holes. The newest of them are its
 * history. Offsets count from 1. Appending is O(1) whoever listens; dropping is amortised O(1).
 */
export class TopicLog {
  static #made = 0;
  /** Number of this log, unique in the process: earlier logs of the same epoch have other numbers. */
  readonly id = ++TopicLog.#made;
  /** When the last subscriber left or a position was handed out, in milliseconds of the process. */
  usedAt: number;
  #epoch: string;
  #entries: (LogEntry | undefined)[] = [];
  /** Dropped entries still at the head of the array: shifting at each drop would make a flush O(log). */
  #dropped = 0;
  #head: number;
  /** Bytes of all payloads that were ever appended. */
  #total = 0;
  #remembered: number;
  #mortal = 0;

  /**
   * @param epoch name of this log: offsets of another epoch do not apply to it
   * @param head offset of the newest publication of the epoch, 0 before the first; the log begins after it
   */
  constructor(epoch: string, head = 0, usedAt = -Infinity) {
    this.usedAt = usedAt;
    this.#epoch = epoch;
    this.#head = head;
    this.#remembered = head + 1;
  }

  /** Name of this log. */
  get epoch(): string {
    return this.#epoch;
  }

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
    return this.bytesAfter(this.first - 1);
  }

  /** Offset of the oldest publication of the history; `head + 1` when there is none. */
  get remembered(): number {
    return Math.max(this.#remembered, this.first);
  }

  /** Whether a publication is kept that may become stale. */
  get mortal(): boolean {
    return this.#mortal > 0;
  }

  append(json: string, bytes: number, { at, expires, key, except }: EntryTerms): LogEntry {
    const offset = ++this.#head;
    const until = (this.#total += bytes);
    const entry = { offset, json, bytes, until, at, expires, key, except, gapFrom: 0 };
    this.#entries.push(entry);
    if (expires > 0) this.#mortal++;
    return entry;
  }

  /** Goes on after offset `head` of an epoch, which is another place than where the log has come to. Nothing that was kept stays. */
  moveTo(epoch: string, head: number): void {
    this.dropBefore(this.#head + 1);
    this.#epoch = epoch;
    this.#head = head;
    this.#remembered = head + 1;
  }

  /** The publication at an offset that is kept. */
  at(offset: number): LogEntry {
    return this.#entries[this.#dropped + offset - this.first]!;
  }

  /** Bytes of the payloads kept after an offset. */
  bytesAfter(offset: number): number {
    const first = Math.max(offset + 1, this.first);
    if (first > this.#head) return 0;
    const { until, bytes } = this.at(first);
    return this.#total - until + bytes;
  }

  /** The publications after offset `since`, up to and with `to`. Whatever was dropped is not in it. */
  range(since: number, to: number): LogEntry[] {
    const first = this.first;
    const from = this.#dropped + Math.max(since + 1 - first, 0);
    return this.#entries.slice(from, this.#dropped + Math.max(to + 1 - first, 0)) as LogEntry[];
  }

  /** The lowest offset from which on no more than `bytes` of payload are kept. */
  firstWithin(bytes: number): number {
    let low = this.first;
    let high = this.#head + 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.bytesAfter(middle - 1) > bytes) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Takes out of the history what its policy does not cover; it stays in the log until it is dropped. */
  forget({ size, bytes, ttl }: HistoryPolicy, now: number): void {
    let first = Math.max(this.remembered, this.#head - size + 1);
    if (first <= this.#head && this.bytesAfter(first - 1) > bytes)
      first = Math.max(first, this.firstWithin(bytes));
    while (first <= this.#head && this.at(first).at + ttl <= now) first++;
    this.#remembered = first;
  }

  /** Takes the oldest publication out of the history. */
  forgetOldest(): void {
    this.#remembered = this.remembered + 1;
  }

  /** Drops what is older than offset `first`. */
  dropBefore(first: number): void {
    const end =
      this.#dropped + Math.min(Math.max(first - this.first, 0), this.#entries.length - this.#dropped);
    for (let i = this.#dropped; i < end; i++) {
      if (this.#entries[i]!.expires > 0) this.#mortal--;
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
