import type { Clock, Timer } from '../../time/clock.js';

/**
 * Milliseconds between two looks at the clock. A connection is closed at most two ticks after its time, and never
 * before.
 */
const TICK_MS = 250;

/**
 * Most connections handled at one go. The event loop turns before the rest: many clients may have signed in at the same
 * moment.
 */
const SLICE = 200;

/** Actions and times of {@link Expiries}. */
export interface ExpiryDeps<T> {
  /** Milliseconds before the end at which the client is asked to renew; 0 never asks. */
  readonly renewBefore: number;
  readonly clock: Clock;
  /** Asks for a renewal. @param expiresAt milliseconds since 1970 */
  announce(holder: T, expiresAt: number): void;
  /** Ends a connection whose time is over; its entry is already removed. */
  expire(holder: T): void;
}

interface Entry<T> {
  readonly holder: T;
  readonly expiresAt: number;
  /** Time to ask the client to renew; Infinity if already asked, or never to be asked. */
  announceAt: number;
}

/**
 * Ends of validity of all connections. One timer serves all, and runs while there is any entry. Entries wait in buckets
 * of {@link TICK_MS} by the wall clock. The wall clock may be set, so due buckets are found by time and not by
 * counting.
 */
export class Expiries<T extends object> {
  readonly #deps: ExpiryDeps<T>;
  readonly #entries = new Map<T, Entry<T>>();
  readonly #buckets = new Map<number, Set<Entry<T>>>();
  /** Lower bound of the bucket keys. */
  #earliest = Infinity;
  #timer: Timer | undefined;
  #due: Entry<T>[] = [];
  #slice: unknown;

  constructor(deps: ExpiryDeps<T>) {
    this.#deps = deps;
  }

  /** Number of connections with an end. */
  get size(): number {
    return this.#entries.size;
  }

  /** Sets the end of a connection. Its client is not told before {@link begin}. */
  set(holder: T, expiresAt: number): void {
    this.#put({ holder, expiresAt, announceAt: Infinity });
  }

  /** Allows to tell the client from now on: at once, if the time for that has come. */
  begin(holder: T): void {
    const entry = this.#entries.get(holder);
    const { renewBefore, clock } = this.#deps;
    if (entry === undefined || renewBefore === 0) return;
    const announceAt = entry.expiresAt - renewBefore;
    if (announceAt > clock.systemTime()) this.#put({ ...entry, announceAt });
    else this.#deps.announce(holder, entry.expiresAt);
  }

  /**
   * Sets the end after a renewal. With less time left than `renewBefore`, the client is asked again after half of it,
   * and not at once; else it would do nothing but renew.
   */
  renew(holder: T, expiresAt: number | undefined): void {
    this.delete(holder);
    if (expiresAt === undefined) return;
    const { renewBefore, clock } = this.#deps;
    const ahead = Math.min(renewBefore, (expiresAt - clock.systemTime()) / 2);
    this.#put({ holder, expiresAt, announceAt: renewBefore === 0 ? Infinity : expiresAt - ahead });
  }

  /** Removes a connection that has closed. */
  delete(holder: T): void {
    const entry = this.#entries.get(holder);
    if (entry === undefined) return;
    this.#entries.delete(holder);
    this.#take(entry);
    if (this.#entries.size === 0) this.stop();
  }

  /** Removes all entries and stops the timer. */
  stop(): void {
    const { clock } = this.#deps;
    clock.clearInterval(this.#timer);
    clock.clearImmediate(this.#slice);
    this.#timer = this.#slice = undefined;
    this.#due = [];
    this.#entries.clear();
    this.#buckets.clear();
    this.#earliest = Infinity;
  }

  #put(entry: Entry<T>): void {
    const present = this.#entries.get(entry.holder);
    if (present !== undefined) this.#take(present);
    this.#entries.set(entry.holder, entry);
    const at = bucketOf(entry);
    const bucket = this.#buckets.get(at);
    if (bucket === undefined) this.#buckets.set(at, new Set([entry]));
    else bucket.add(entry);
    this.#earliest = Math.min(this.#earliest, at);
    if (this.#timer === undefined) this.#start();
  }

  #take(entry: Entry<T>): void {
    const at = bucketOf(entry);
    const bucket = this.#buckets.get(at);
    // A due entry is no longer in a bucket.
    if (bucket?.delete(entry) && bucket.size === 0) this.#buckets.delete(at);
  }

  #start(): void {
    const { clock } = this.#deps;
    this.#timer = clock.setInterval(this.#tick, TICK_MS);
    this.#timer.unref();
  }

  readonly #tick = (): void => {
    const passed = Math.floor(this.#deps.clock.systemTime() / TICK_MS);
    if (this.#earliest > passed) return;
    let earliest = Infinity;
    for (const [at, bucket] of this.#buckets) {
      if (at > passed) {
        earliest = Math.min(earliest, at);
        continue;
      }
      this.#buckets.delete(at);
      for (const entry of bucket) this.#due.push(entry);
    }
    this.#earliest = earliest;
    if (this.#slice === undefined) this.#look();
  };

  readonly #look = (): void => {
    this.#slice = undefined;
    for (const entry of this.#due.splice(0, SLICE)) this.#meet(entry);
    if (this.#due.length > 0) this.#slice = this.#deps.clock.setImmediate(this.#look);
  };

  #meet(entry: Entry<T>): void {
    const { holder, expiresAt, announceAt } = entry;
    // The entry may have been removed or renewed since its bucket was taken.
    if (this.#entries.get(holder) !== entry) return;
    if (announceAt < expiresAt && this.#deps.clock.systemTime() < expiresAt) {
      this.#put({ ...entry, announceAt: Infinity });
      this.#deps.announce(holder, expiresAt);
    } else {
      this.delete(holder);
      this.#deps.expire(holder);
    }
  }
}

/** Returns the first tick that is not before the entry's time. */
function bucketOf({ expiresAt, announceAt }: Entry<unknown>): number {
  return Math.ceil(Math.min(expiresAt, announceAt) / TICK_MS);
}
