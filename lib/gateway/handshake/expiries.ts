import type { Clock } from '../../time/clock.js';
import { TimeSlots } from '../../time/time-slots.js';

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
  readonly announceAt: number;
  /** Slot in which the entry waits. */
  readonly slot: number;
}

/**
 * Ends of validity of all connections, by the system clock. One timer serves all, and runs while there is any entry.
 */
export class Expiries<T extends object> {
  readonly #deps: ExpiryDeps<T>;
  readonly #entries = new Map<T, Entry<T>>();
  readonly #slots: TimeSlots<Entry<T>>;

  constructor(deps: ExpiryDeps<T>) {
    this.#deps = deps;
    const { clock } = deps;
    const timing = { clock, now: clock.systemTime, stepMs: TICK_MS, batch: SLICE };
    this.#slots = new TimeSlots(timing, this.#meet);
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
    this.#slots.delete(entry, entry.slot);
  }

  /** Removes all entries and stops the timer. */
  stop(): void {
    this.#slots.stop();
    this.#entries.clear();
  }

  #put(end: Omit<Entry<T>, 'slot'>): void {
    const present = this.#entries.get(end.holder);
    if (present !== undefined) this.#slots.delete(present, present.slot);
    const entry = { ...end, slot: 0 };
    entry.slot = this.#slots.add(entry, Math.min(end.expiresAt, end.announceAt));
    this.#entries.set(end.holder, entry);
  }

  readonly #meet = ({ holder, expiresAt, announceAt }: Entry<T>): void => {
    this.#entries.delete(holder);
    if (announceAt < expiresAt && this.#deps.clock.systemTime() < expiresAt) {
      this.#put({ holder, expiresAt, announceAt: Infinity });
      this.#deps.announce(holder, expiresAt);
    } else {
      this.#deps.expire(holder);
    }
  };
}
