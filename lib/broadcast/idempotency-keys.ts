import { hash } from 'node:crypto';
import type { Position } from './broadcaster.js';

/** Results of the first publication with a key. */
export interface Receipt {
  /** Result of `publish`. */
  readonly subscribers: number;
  /** Result of `publishConfirmed`. */
  readonly position: Position;
}

/**
 * Milliseconds for which a key is remembered. A publisher retries within seconds, and a queue redelivers within a few
 * minutes. Anything later is old enough to need a closer look.
 */
export const KEY_MS = 300_000;

/**
 * Most keys remembered in the process: 20 MB, whatever their length. The newest half is always kept, so a retry finds
 * its key unless 50,000 others have followed.
 */
export const MOST_KEYS = 100_000;

/**
 * Recent idempotency keys by topic. They form two generations, and the older one is dropped as a whole when the younger
 * one is full or old enough. So there is no time for each key and no timer, and every step is O(1). A key is remembered
 * for at least `keep`, and at most twice that.
 */
export class IdempotencyKeys {
  #young = new Map<string, Receipt>();
  #old = new Map<string, Receipt>();
  /** Beginning of the younger generation. */
  #began: number;

  /**
   * @param now milliseconds of a monotonic clock
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

  /** Number of remembered keys. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  find(topic: string, key: string): Receipt | undefined {
    this.#forget();
    const name = nameOf(topic, key);
    return this.#young.get(name) ?? this.#old.get(name);
  }

  /** Remembers the results of a new key. @param key a key that `find` does not find */
  remember(topic: string, key: string, receipt: Receipt): void {
    this.#forget();
    if (this.#young.size * 2 >= this.most) this.#turn(this.now());
    this.#young.set(nameOf(topic, key), receipt);
  }

  #forget(): void {
    const age = this.now() - this.#began;
    if (age < this.keep) return;
    this.#turn(this.#began + this.keep);
    // After such a long pause the younger generation is out of date too.
    if (age >= this.keep * 2) this.#turn(this.now());
  }

  /**
   * Starts a new generation.
   * @param began its beginning, which may be in the past, so that a late call does not prolong the old one
   */
  #turn(began: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#began = began;
  }
}

/**
 * Returns a name for a key. No topic has a space in its name. A digest is used, because a key may be long, or a
 * substring that keeps a longer text in memory. It is made from UTF-16, because in UTF-8 all lone surrogates are equal.
 */
function nameOf(topic: string, key: string): string {
  return hash('sha256', Buffer.from(`${topic} ${key}`, 'utf16le'), 'base64url');
}
