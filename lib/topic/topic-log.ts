import type { LogEntry } from '../wire/log-entry.js';
import type { HistoryPolicy } from './topic-policy.js';

/** Fields of a publication beside its payload. */
export type EntryTerms = Pick<LogEntry, 'at' | 'expires' | 'key' | 'except'>;

/** Place where the log of a topic begins: after offset `head` of its epoch. */
export interface Beginning {
  readonly epoch: string;
  readonly head: number;
  /** Time when a position of this log was last given to the application, in milliseconds; undefined for never. */
  readonly usedAt: number | undefined;
}

/** List of every log without publications: an array of its own would cost 48 bytes. */
const EMPTY: (LogEntry | undefined)[] = [];

/**
 * Publications of one topic that may still be needed, oldest first, without holes. The newest are the history. Offsets
 * count from 1. Appending is O(1) for any number of subscribers, and dropping is amortised O(1).
 */
export class TopicLog {
  static #made = 0;
  /** Number of this log, unique in the process: earlier logs of the same epoch have other numbers. */
  readonly id = ++TopicLog.#made;
  /** Time when the last subscriber left or a position was handed out, in milliseconds of the process; undefined for never. */
  usedAt: number | undefined;
  #epoch: string;
  #entries: (LogEntry | undefined)[] = EMPTY;
  /** Dropped entries still at the head of the array. Shifting at each drop would make a flush O(log). */
  #dropped = 0;
  #head: number;
  /** Bytes of all payloads ever appended. */
  #total = 0;
  #remembered: number;
  #mortal = 0;

  /**
   * @param epoch name of this log; offsets of another epoch do not apply to it
   * @param head offset of the newest publication of the epoch, 0 before the first; the log begins after it
   */
  constructor(epoch: string, head = 0, usedAt?: number) {
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

  /** Offset of the oldest kept publication; `head + 1` when there is none. */
  get first(): number {
    return this.#head - (this.#entries.length - this.#dropped) + 1;
  }

  /** Bytes of the kept payloads. */
  get bytes(): number {
    return this.bytesAfter(this.first - 1);
  }

  /** Offset of the oldest publication of the history; `head + 1` when there is none. */
  get remembered(): number {
    return Math.max(this.#remembered, this.first);
  }

  /** True if a kept publication may expire. */
  get mortal(): boolean {
    return this.#mortal > 0;
  }

  append(json: string, bytes: number, { at, expires, key, except }: EntryTerms): LogEntry {
    const offset = ++this.#head;
    const until = (this.#total += bytes);
    const entry = { offset, json, bytes, until, at, expires, key, except, gap: undefined };
    // The first push to an empty array would reserve room for 16 more.
    if (this.#entries.length === 0) this.#entries = [entry];
    else this.#entries.push(entry);
    if (expires > 0) this.#mortal++;
    return entry;
  }

  /** Continues after offset `head` of an epoch, another place than the present head. Drops everything. */
  moveTo(epoch: string, head: number): void {
    this.dropBefore(this.#head + 1);
    this.#epoch = epoch;
    this.#head = head;
    this.#remembered = head + 1;
  }

  /** Returns the publication at an offset that is kept. */
  at(offset: number): LogEntry {
    return this.#entries[this.#dropped + offset - this.first]!;
  }

  /** Returns the bytes of the payloads kept after an offset. */
  bytesAfter(offset: number): number {
    const first = Math.max(offset + 1, this.first);
    if (first > this.#head) return 0;
    const { until, bytes } = this.at(first);
    return this.#total - until + bytes;
  }

  /** Returns the kept publications after offset `since`, up to and with `to`. */
  range(since: number, to: number): LogEntry[] {
    const first = this.first;
    const from = this.#dropped + Math.max(since + 1 - first, 0);
    return this.#entries.slice(from, this.#dropped + Math.max(to + 1 - first, 0)) as LogEntry[];
  }

  /** Returns the lowest offset from which at most `bytes` of payload are kept. */
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

  /** Removes from the history what its policy does not cover. The log keeps it until it is dropped. */
  forget({ size, bytes, ttl }: HistoryPolicy, now: number): void {
    let first = Math.max(this.remembered, this.#head - size + 1);
    if (first <= this.#head && this.bytesAfter(first - 1) > bytes)
      first = Math.max(first, this.firstWithin(bytes));
    while (first <= this.#head && this.at(first).at + ttl <= now) first++;
    this.#remembered = first;
  }

  /** Removes the oldest publication from the history. */
  forgetOldest(): void {
    this.#remembered = this.remembered + 1;
  }

  /** Drops publications before offset `first`. */
  dropBefore(first: number): void {
    const end =
      this.#dropped + Math.min(Math.max(first - this.first, 0), this.#entries.length - this.#dropped);
    for (let i = this.#dropped; i < end; i++) {
      if (this.#entries[i]!.expires > 0) this.#mortal--;
      this.#entries[i] = undefined;
    }
    if (end === this.#entries.length) {
      this.#entries = EMPTY;
      this.#dropped = 0;
    } else if (end > 64 && end * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(end);
      this.#dropped = 0;
    } else {
      this.#dropped = end;
    }
  }
}
