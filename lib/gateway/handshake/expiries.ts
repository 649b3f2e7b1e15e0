/** How far apart looks at the clock are. A connection is closed at most two of these after its time, and never before. */
const TICK_MS = 250;

/** What is done at one go. The loop turns before the rest: a whole fleet may have signed in at the same moment. */
const SLICE = 200;

/** What {@link Expiries} does, and when it is told of time. */
export interface ExpiryDeps<T> {
  /** Milliseconds before the end at which the client is asked to renew; 0 never asks. */
  readonly renewBefore: number;
  readonly clock: ExpiryClock;
  /** Asks for a renewal. @param expiresAt milliseconds since 1970 */
  announce(holder: T, expiresAt: number): void;
  /** Its time is over; it is no longer kept. */
  expire(holder: T): void;
}

/** Milliseconds since 1970 by the clock that tokens are made by, and timers. */
export interface ExpiryClock {
  now(): number;
  setInterval(callback: () => void, ms: number): { unref(): unknown };
  clearInterval(timer: unknown): void;
  setImmediate(callback: () => void): unknown;
  clearImmediate(handle: unknown): void;
}

interface Entry<T> {
  readonly holder: T;
  readonly expiresAt: number;
  /** When the client is to be asked to renew; Infinity when it was, or is not to be. */
  announceAt: number;
}

/**
 * Until when each connection may stay. One timer for all of them, which runs while there is any; they wait in buckets of
 * {@link TICK_MS}, by the wall clock, which may be set: what is due is found by its time and not by counting.
 */
export class Expiries<T extends object> {
  readonly #deps: ExpiryDeps<T>;
  readonly #entries = new Map<T, Entry<T>>();
  readonly #buckets = new Map<number, Set<Entry<T>>>();
  /** No bucket comes before this one. */
  #earliest = Infinity;
  #timer: { unref(): unknown } | undefined;
  #due: Entry<T>[] = [];
  #slice: unknown;

  constructor(deps: ExpiryDeps<T>) {
    this.#deps = deps;
  }

  /** How many connections have an end. */
  get size(): number {
    return this.#entries.size;
  }

  /** From now on it ends then, and not before it; nothing is said until {@link begin}. */
  set(holder: T, expiresAt: number): void {
    this.#put({ holder, expiresAt, announceAt: Infinity });
  }

  /** Its client can be told from now on: at once, if it is time for that. */
  begin(holder: T): void {
    const entry = this.#entries.get(holder);
    const { renewBefore, clock } = this.#deps;
    if (entry === undefined || renewBefore === 0) return;
    const announceAt = entry.expiresAt - renewBefore;
    if (announceAt > clock.now()) this.#put({ ...entry, announceAt });
    else this.#deps.announce(holder, entry.expiresAt);
  }

  /**
   * It has renewed. With less time than `renewBefore` its client is asked again when half of it is over, and not at once:
   * it would do nothing but renew.
   */
  renew(holder: T, expiresAt: number | undefined): void {
    this.delete(holder);
    if (expiresAt === undefined) return;
    const { renewBefore, clock } = this.#deps;
    const ahead = Math.min(renewBefore, (expiresAt - clock.now()) / 2);
    this.#put({ holder, expiresAt, announceAt: renewBefore === 0 ? Infinity : expiresAt - ahead });
  }

  /** It has gone. */
  delete(holder: T): void {
    const entry = this.#entries.get(holder);
    if (entry === undefined) return;
    this.#entries.delete(holder);
    this.#take(entry);
    if (this.#entries.size === 0) this.stop();
  }

  /** Nothing ends any more. */
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
    // It may be due, and no longer be in one.
    if (bucket?.delete(entry) && bucket.size === 0) this.#buckets.delete(at);
  }

  #start(): void {
    const { clock } = this.#deps;
    this.#timer = clock.setInterval(this.#tick, TICK_MS);
    this.#timer.unref();
  }

  readonly #tick = (): void => {
    const passed = Math.floor(this.#deps.clock.now() / TICK_MS);
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
    // It may have gone or renewed since its bucket was taken.
    if (this.#entries.get(holder) !== entry) return;
    if (announceAt < expiresAt && this.#deps.clock.now() < expiresAt) {
      this.#put({ ...entry, announceAt: Infinity });
      this.#deps.announce(holder, expiresAt);
    } else {
      this.delete(holder);
      this.#deps.expire(holder);
    }
  }
}

/** The first look that is not before its time. */
function bucketOf({ expiresAt, announceAt }: Entry<unknown>): number {
  return Math.ceil(Math.min(expiresAt, announceAt) / TICK_MS);
}
