import { flightTimeOf } from './flight-time.js';

/** Default of `slowConsumer.lag`. Milliseconds. */
export const DEFAULT_LAG = 5000;

/**
 * Most bytes under way to an unknown client, for the default of `slowConsumer.lag` or more. A line of 30 kbit/s needs
 * six seconds for so many bytes.
 */
const WINDOW = 24 * 1024;

/** Lower bound of this number, for shorter limits. */
const LEAST_FIRST_WINDOW = 16 * 1024;

/** Bytes before the first ping: for the first client, how many more for each next client, and the most. */
const FIRST = 12 * 1024;
const STEP = 512;
const MOST = 16 * 1024;

/** Fewest bytes before the first ping. A ping for fewer bytes would cost more than it tells. */
const LEAST = 2 * 1024;

/** Bytes under way that count as none. They are for answers to the first requests of a client. */
export const FEW: number = 2 * 1024;

/** Grant without a limit: the largest integer that V8 stores without an object on every machine. */
export const UNBOUNDED: number = 2 ** 30 - 1;

/** Returns the most bytes under way to an unknown client. @param flightTime milliseconds that these bytes may take */
export function firstWindow(flightTime: number): number {
  return Math.max(LEAST_FIRST_WINDOW, Math.floor(WINDOW * shareOf(flightTime)));
}

/** Returns the bytes of a batch that an unknown client may get. @param spent bytes sent to the client so far */
export function firstRoom(spent: number, flightTime: number): number {
  return spent < FEW ? Infinity : firstWindow(flightTime) - spent;
}

/**
 * First grants: a client gets its first ping when its first grant is spent, so that the answer comes before the first
 * window is full. The grants differ, because equal ones would cause pings to all clients of a topic in the same flush.
 */
export class FirstGrants {
  #next = FIRST;
  readonly #flightTime: number;

  /** @param flightTime milliseconds in which a client reads the bytes under way; Infinity sets no limit */
  constructor(flightTime: number) {
    this.#flightTime = flightTime;
  }

  /** Returns the first grant of one more client, in bytes. */
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
