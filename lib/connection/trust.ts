import type { Mark } from './open-pings.js';

/** Most bytes that a line is trusted with: what may be wrongly taken as read when a fast line breaks down. */
const MOST = 512 * 1024;

/** A line that has read some bytes in this share of the target time is trusted with {@link TIMES} times as many. */
const MOMENT_SHARE = 1 / 10;
const TIMES = 8;

/** Times after which a ping follows. The rest is for what comes until its answer. */
const TIMES_UNTIL_PING = 4;

/** Bytes a millisecond that every line is taken to read before anything is known. */
export const FIRST_RATE = 4;

/** What is sent may be faster than what a line has shown to read, and is still taken as read. */
const SLACK = 1.25;

/** An answer in the least lag that was shown, times this and so many milliseconds more, has found nothing queued. */
const PROMPT_TIMES = 1.25;
const PROMPT_MS = 10;

/** Growth of the least lag with each answer: the way to a client may become longer. */
const LEAST_LAG_GROWTH = 1.05;

/** What a line has shown to read, and what may be taken as read for that before the next ping. Bytes and milliseconds. */
export class Trust {
  /** Milliseconds in which what is read counts as read at once. */
  readonly #moment: number;
  /** Bytes a millisecond that the last answers have shown at least. */
  #rate = FIRST_RATE;
  #leastLag = Infinity;
  /** Most bytes between two pings that the client has read without delay. */
  #shown = 0;
  /** Most bytes that it has read in a moment. */
  #burst = 0;
  /** Bytes since the last ping that are taken as read, and when the first of them was granted. */
  #taken = 0;
  #takenAt: number | undefined;
  /** Those of them that went faster than the line has shown to read. */
  #ahead = 0;
  #aheadAt: number | undefined;

  /** @param target milliseconds in which a client reads what is under way; Infinity bounds nothing */
  constructor(target: number) {
    this.#moment = target * MOMENT_SHARE;
  }

  /** Whether the line has shown nothing. */
  get isFresh(): boolean {
    return this.#rate === FIRST_RATE;
  }

  /** Bytes that are taken as read and count as under way, because they went faster than the line has shown to read. */
  get ahead(): number {
    return Math.ceil(this.#ahead);
  }

  /** When the first of those was granted; undefined while there are none. */
  get aheadAt(): number | undefined {
    return this.#aheadAt;
  }

  /** When the first byte since the last ping was granted that is taken as read; undefined while there is none. */
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

  /** Takes bytes as read that were written since a moment, if they went no faster than the line may be trusted to read. */
  take(bytes: number, since: number, now: number): boolean {
    // A line that was idle may be given at once what it reads in a moment, or what it was granted.
    const time = Math.min(now - since, Math.max(this.#moment, bytes / this.#rate));
    const ahead = Math.max(0, bytes - time * this.#rate * SLACK);
    if (bytes > this.#all || this.#ahead + ahead > TIMES_UNTIL_PING * this.#burst) return false;
    this.#takenAt ??= since;
    if (ahead > 0) this.#aheadAt ??= since;
    this.#ahead += ahead;
    this.#taken += bytes;
    return true;
  }

  /** A ping was written: its answer will tell of all there is. */
  restart(): void {
    this.#taken = this.#ahead = 0;
    this.#takenAt = this.#aheadAt = undefined;
  }

  /** The answer to a ping came in time. */
  answered({ bytes, first, timed, since, at }: Mark, now: number): void {
    const lag = Math.max(1, now - at);
    const least = timed / Math.max(1, now - since);
    this.#leastLag = Math.min(lag, this.#leastLag * LEAST_LAG_GROWTH);
    // With nothing queued before the ping the line has kept up with what was sent.
    const isPrompt = at - first >= lag && lag <= this.#leastLag * PROMPT_TIMES + PROMPT_MS;
    this.#learn(isPrompt ? Math.max(least, bytes / (at - first)) : least);
    this.#shown = Math.max(this.#shown, bytes);
    this.#burst = Math.max(this.#burst, Math.floor(Math.min(timed, least * this.#moment)));
  }

  /**
   * An answer came late.
   * @param least bytes a millisecond that were read at least
   * @param rate bytes a millisecond that the line reads
   */
  answeredLate(least: number, rate: number): void {
    this.#learn(least);
    this.#shown = this.#burst = Math.floor(rate * this.#moment);
  }

  #learn(rate: number): void {
    this.#rate = Math.max(rate, (this.#rate + rate) / 2);
  }
}
