import type { Mark } from './open-pings.js';

/**
 * Most bytes that a line is trusted with, an upper bound of the bytes wrongly taken as read when a fast line breaks.
 */
const MOST = 512 * 1024;

/**
 * Length of a moment, as a share of the target time. A line is trusted with {@link TIMES} times the bytes that it has
 * read in a moment.
 */
const MOMENT_SHARE = 1 / 10;
const TIMES = 8;

/** Part of {@link TIMES} after which a ping follows. The rest is for data that comes before the answer. */
const TIMES_UNTIL_PING = 4;

/** Assumed rate of an unknown line. Bytes a millisecond. */
export const FIRST_RATE = 4;

/** Factor by which data may go faster than the measured rate, and still be taken as read. */
const SLACK = 1.25;

/**
 * Factor for the longest lag of a prompt answer: `PROMPT_TIMES` times the least lag, plus `PROMPT_MS`. The ping of a
 * prompt answer has found nothing queued.
 */
const PROMPT_TIMES = 1.25;
const PROMPT_MS = 10;

/** Growth of the least lag with each answer, because the way to a client may become longer. */
const LEAST_LAG_GROWTH = 1.05;

/** Measured speed of a line, and the bytes that may be taken as read before the next ping. Bytes and milliseconds. */
export class Trust {
  /** Length of a moment. Bytes read in a moment count as read at once. Milliseconds. */
  readonly #moment: number;
  /** Least rate measured by the last answers. Bytes a millisecond. */
  #rate = FIRST_RATE;
  #leastLag = Infinity;
  /** Most bytes between two pings that the client has read without delay. */
  #shown = 0;
  /** Most bytes that the client has read in a moment. */
  #burst = 0;
  /** Bytes since the last ping that are taken as read. `#takenAt` is the time of their first grant. */
  #taken = 0;
  #takenAt: number | undefined;
  /** The part of the taken bytes that went faster than the measured rate. `#aheadAt` is the time of its first grant. */
  #ahead = 0;
  #aheadAt: number | undefined;

  /** @param target milliseconds in which a client reads the bytes under way; Infinity sets no limit */
  constructor(target: number) {
    this.#moment = target * MOMENT_SHARE;
  }

  /** True if the line is still unknown. */
  get isFresh(): boolean {
    return this.#rate === FIRST_RATE;
  }

  /** Bytes taken as read that still count as under way, because they went faster than the measured rate. */
  get ahead(): number {
    return Math.ceil(this.#ahead);
  }

  /** Time when the first of the {@link ahead} bytes was granted; undefined while there are none. */
  get aheadAt(): number | undefined {
    return this.#aheadAt;
  }

  /** Time when the first of the {@link taken} bytes was granted; undefined while there are none. */
  get takenAt(): number | undefined {
    return this.#takenAt;
  }

  /** Bytes since the last ping that are taken as read. */
  get taken(): number {
    return this.#taken;
  }

  /** Bytes that the line reads in a moment. */
  get inMoment(): number {
    return Math.floor(this.#rate * this.#moment);
  }

  /** Bytes that may be under way. */
  get inFlight(): number {
    return Math.min(MOST, TIMES * this.#burst);
  }

  /** Bytes that may be written at once, and still be taken as read. */
  get left(): number {
    return Math.floor(Math.min(this.#all, TIMES_UNTIL_PING * this.#burst - this.#ahead));
  }

  /** Bytes that may still be taken as read before the next ping. */
  get #all(): number {
    return Math.min(MOST, TIMES * this.#shown) - this.#taken;
  }

  /** Takes bytes written from `since` on as read. Returns false if they went faster than the trusted rate. */
  take(bytes: number, since: number, now: number): boolean {
    // An idle line may get at once as much as it reads in a moment, or as much as it was granted.
    const time = Math.min(now - since, Math.max(this.#moment, bytes / this.#rate));
    const ahead = Math.max(0, bytes - time * this.#rate * SLACK);
    if (bytes > this.#all || this.#ahead + ahead > TIMES_UNTIL_PING * this.#burst) return false;
    this.#takenAt ??= since;
    if (ahead > 0) this.#aheadAt ??= since;
    this.#ahead += ahead;
    this.#taken += bytes;
    return true;
  }

  /** Forgets the bytes taken as read after a ping, because the answer to the ping will cover them. */
  restart(): void {
    this.#taken = this.#ahead = 0;
    this.#takenAt = this.#aheadAt = undefined;
  }

  /** Learns from an answer that came in time. */
  answered({ bytes, first, timed, since, at }: Mark, now: number): void {
    const lag = Math.max(1, now - at);
    const least = timed / Math.max(1, now - since);
    this.#leastLag = Math.min(lag, this.#leastLag * LEAST_LAG_GROWTH);
    // If nothing was queued before the ping, the line has kept up with the data.
    const isPrompt = at - first >= lag && lag <= this.#leastLag * PROMPT_TIMES + PROMPT_MS;
    const sustained = isPrompt ? bytes / (at - first) : 0;
    this.#learn(Math.max(least, sustained));
    this.#shown = Math.max(this.#shown, bytes);
    const inMoment = Math.max(
      Math.min(timed, least * this.#moment),
      Math.min(bytes, sustained * this.#moment),
    );
    this.#burst = Math.max(this.#burst, Math.floor(inMoment));
  }

  /**
   * Learns from an answer that came late.
   * @param least least possible rate of the line, in bytes a millisecond
   * @param rate rate of the line, in bytes a millisecond
   */
  answeredLate(least: number, rate: number): void {
    this.#learn(least);
    this.#shown = this.#burst = Math.floor(rate * this.#moment);
  }

  #learn(rate: number): void {
    this.#rate = Math.max(rate, (this.#rate + rate) / 2);
  }
}
