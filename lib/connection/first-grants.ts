import { flightTimeOf } from './flight-time.js';

/** The default of `slowConsumer.lag`. Milliseconds. */
export const DEFAULT_LAG = 5000;

/**
 * Bytes that may be under way to a client of which nothing is known, where the limit is the default or longer. A line of
 * 30 kbit/s needs six seconds for them.
 */
const WINDOW = 24 * 1024;

/** The same for shorter limits. */
const LEAST_FIRST_WINDOW = 16 * 1024;

/** Bytes after which the first client is pinged, how many more the next one gets, and the most. */
const FIRST = 12 * 1024;
const STEP = 512;
const MOST = 16 * 1024;

/** A ping for less would cost more than it tells. */
const LEAST = 2 * 1024;

/** Bytes that count as nothing under way: answers to what a client asked for first. */
export const FEW: number = 2 * 1024;

/** A grant without a bound: the largest that V8 keeps without an object on every machine. */
export const UNBOUNDED: number = 2 ** 30 - 1;

/** Bytes that may be under way to a client of which nothing is known. @param flightTime milliseconds that they may take */
export function firstWindow(flightTime: number): number {
  return Math.max(LEAST_FIRST_WINDOW, Math.floor(WINDOW * shareOf(flightTime)));
}

/** Bytes of a batch that such a client takes. @param spent bytes that it was sent so far */
export function firstRoom(spent: number, flightTime: number): number {
  return spent < FEW ? Infinity : firstWindow(flightTime) - spent;
}

/**
 * Bytes after which a client of which nothing is known gets its first ping. Its answer comes before the first window is
 * full. Not all clients get the same: those of one topic would all be pinged in the same flush.
 */
export class FirstGrants {
  #next = FIRST;
  readonly #flightTime: number;

  /** @param flightTime milliseconds in which a client reads what is under way; Infinity bounds nothing */
  constructor(flightTime: number) {
    this.#flightTime = flightTime;
  }

  /** The bytes of one more client. */
  next(): number {
    if (this.#flightTime === Infinity) return UNBOUNDED;
    const bytes = this.#next;
    this.#next = bytes < MOST ? bytes + STEP : FIRST;
    return Math.max(LEAST, Math.floor(bytes * shareOf(this.#flightTime)));
  }
}

function shareOf(flightTime: number): number {
  return Math.min(1, flightTime / flightTimeOf(DEFAULT_LAG));
}
