import type { Moment } from './virtual-line.js';

/** What sets the pace of a subscription. */
export interface Beat {
  /** Least milliseconds between two values of a key. */
  readonly interval: number;
  /** When the application last asked for a flush that waits for nothing; -Infinity when it never did. */
  readonly flushedAt: () => number;
  /** Milliseconds that may lie between the beginning of a flush and a write of it. */
  readonly lateMs: () => number;
}

/** Whether values come no more often than the topic or the client says. */
export class Pace {
  readonly #beat: Beat;
  /** When the client was answered: what it missed comes at once. */
  readonly #began: Moment;
  readonly #delivered = new Map<string, number>();

  constructor(beat: Beat, began: Moment) {
    this.#beat = beat;
    this.#began = began;
  }

  /** What is wrong with the delivery of a value at that moment, if anything is. */
  delivered(key: string, { at }: Moment): string | undefined {
    const before = this.#delivered.get(key) ?? -Infinity;
    this.#delivered.set(key, at);
    const { interval, flushedAt, lateMs } = this.#beat;
    const free = Math.max(this.#began.at, flushedAt()) + lateMs();
    // Timers of Node count whole milliseconds.
    if (before <= free || at - before + lateMs() >= Math.floor(interval)) return undefined;
    return `came ${at - before} ms after the value before, of ${interval}`;
  }
}
