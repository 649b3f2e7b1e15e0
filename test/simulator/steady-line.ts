import type { ClientSpec, Settings } from './scenario.js';

// What is promised, with room for how it is kept: none of these numbers is one of the core's.

/** Bytes that may be under way whatever the line: with nothing under way, so much leaves at once. */
const FIRST_BYTES = 80 * 1024;

/** Bytes that may be under way to a client whose line is not known yet, whatever its limit. */
const FIRST_WINDOW = 16 * 1024;

/** Share of the limit in which a line reads what is under way, with a margin for what it is known to read only roughly. */
const FLIGHT_SHARE = 0.65;

/** What a line reads in this time may be taken as read without an answer. Milliseconds. */
const MOMENT_MS = 320;

/** Nothing is skipped that a line can make up for in a quarter of the limit, and what is under way may take longer than it seemed. */
const MADE_UP = 1.5;

/** Share of the limit that a round trip may take: a window is filled once in that time. */
const LONGEST_TRIP = 1 / 16;

/** Milliseconds from a publication to its flush, and until the loop turns. */
const FLUSH_MS = 150;

/** Pings, headers of fragments, and a client's close. */
const SMALL_BYTES = 2048;

/** Longest round trip, and least bytes a millisecond, of a line whose client is sure to be waited for. */
const LONGEST_FIRST_TRIP = 500;
const LEAST_RATE = 6;

/** Whether nothing that a client gets waits for its answers, where its line is fast. */
export function answersAtOnce({ pongs, busy }: ClientSpec, { lag, heartbeat }: Settings): boolean {
  return lag === 0 || heartbeat === undefined || (pongs !== 'never' && busy === 0);
}

/** A line of one rate from its beginning on, whose client answers: its server has no excuse for sending more than it reads in time. */
export class SteadyLine {
  readonly #rate: number;
  readonly #lag: number;
  /** Milliseconds beside the time for what is under way. */
  readonly #trip: number;

  private constructor(rate: number, lag: number, trip: number) {
    this.#rate = rate;
    this.#lag = lag;
    this.#trip = trip;
  }

  /** Undefined where the server cannot know in time, or need not. */
  static of({ network, pongs, busy }: ClientSpec, { lag, heartbeat }: Settings): SteadyLine | undefined {
    if (lag === 0 || heartbeat === undefined || pongs === 'never' || network.kind !== 'proxied')
      return undefined;
    const trip = 2 * network.delay + busy;
    // A line gives its buffer anew when the other end has read it.
    const rate = Math.min(network.rate, network.buffer / Math.max(1, network.delay));
    const isKnown = rate >= LEAST_RATE && trip < LONGEST_FIRST_TRIP;
    return isKnown ? new SteadyLine(rate, lag, trip) : undefined;
  }

  /**
   * Milliseconds that a publication may have taken when it is read; Infinity where the round trip leaves too little of the limit.
   * @param burst bytes that may have been handed over at once, before it or with it: nothing is skipped of them any more
   */
  oldest(burst: number): number {
    if (this.#trip > this.#lag * LONGEST_TRIP) return Infinity;
    const waiting = Math.max(this.#lag * MADE_UP, FIRST_WINDOW / this.#rate);
    return waiting + burst / this.#rate + 2 * this.#trip + FLUSH_MS;
  }

  /** Most bytes that may be under way. @param isNew whether no answer has come yet */
  most(isNew: boolean): number {
    const read = isNew ? 0 : this.#rate * (this.#lag * FLIGHT_SHARE + MOMENT_MS);
    return Math.max(FIRST_BYTES, read) + SMALL_BYTES;
  }
}
