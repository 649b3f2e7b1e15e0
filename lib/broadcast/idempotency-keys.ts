import { hash } from 'node:crypto';
import type { Position } from './broadcaster.js';

/** What came of the first publication with a key. */
export interface Receipt {
  /** What `publish` returned. */
  readonly subscribers: number;
  /** What `publishConfirmed` resolved with. */
  readonly position: Position;
}

/**
 * Milliseconds for which a key is remembered. A publisher tries again within seconds and a queue delivers again within
 * a few minutes; whatever comes later is old enough to be worth looking into.
 */
export const KEY_MS = 300_000;

/**
 * Most keys that are remembered in the process: 20 MB, however long they are. The newest half is always among them: a
 * retry finds its key unless 50,000 others have come since.
 */
export const MOST_KEYS = 100_000;

/**
 * The idempotency keys of late, by topic: two generations, of which the older one is dropped whole when the younger one
 * is full or old enough. So there is no time to keep for each key and no timer, and every step is O(1). A key is
 * remembered for `keep` at least, and at most twice that.
 */
export class IdempotencyKeys {
  #young = new Map<string, Receipt>();
  #old = new Map<string, Receipt>();
  /** When the younger generation began. */
  #began: number;

  /**
   * @param now milliseconds, monotonic
   * @param keep milliseconds
   * @param most keys, of both generations together
   */
  constructor(
    readonly now: () => number,
    readonly keep: number = KEY_MS,
    readonly most: number = MOST_KEYS,
  ) {
    this.#began = now();
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  find(topic: string, key: string): Receipt | undefined {
    this.#forget();
    const name = nameOf(topic, key);
    return this.#young.get(name) ?? this.#old.get(name);
  }

  /** @param key one that `find` does not find */
  remember(topic: string, key: string, receipt: Receipt): void {
    this.#forget();
    if (this.#young.size * 2 >= this.most) this.#turn(this.now());
    this.#young.set(nameOf(topic, key), receipt);
  }

  #forget(): void {
    const age = this.now() - this.#began;
    if (age < this.keep) return;
    this.#turn(this.#began + this.keep);
    // Nobody asked for so long that what was young is to go too.
    if (age >= this.keep * 2) this.#turn(this.now());
  }

  /** @param began when the new generation did: not always now, or who asks late would keep the old one longer */
  #turn(began: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#began = began;
  }
}

/**
 * No topic has a space in its name. A digest, because a key may be long, or cut out of a longer text that it would keep
 * in memory; of UTF-16, because as UTF-8 all lone surrogates are one.
 */
function nameOf(topic: string, key: string): string {
  return hash('sha256', Buffer.from(`${topic} ${key}`, 'utf16le'), 'base64url');
}
