/** Timer that was set. */
export interface Timer {
  /** Lets the process end although the timer is set. */
  unref(): unknown;
}

/**
 * Time and random numbers of the process, injected everywhere for tests. Milliseconds. Callbacks of timers run in no
 * async context, because later work serves other clients than the one that caused it. No member needs `this`.
 */
export abstract class Clock {
  /** Time since some start, with a fraction. Never goes back. */
  abstract readonly now: () => number;
  /** Time since 1970: the system clock at the start of the process, and {@link now} since then. Never goes back. */
  abstract readonly wallTime: () => number;
  /** Time since 1970 by the system clock, which may be set. For times written by others, such as the end of a token. */
  abstract readonly systemTime: () => number;
  /** Random number from 0 up to 1, without 1. */
  abstract readonly random: () => number;
  abstract readonly setTimeout: (callback: () => void, ms: number) => Timer;
  abstract readonly clearTimeout: (timer: unknown) => void;
  abstract readonly setInterval: (callback: () => void, ms: number) => Timer;
  abstract readonly clearInterval: (timer: unknown) => void;
  abstract readonly setImmediate: (callback: () => void) => unknown;
  abstract readonly clearImmediate: (handle: unknown) => void;
}
