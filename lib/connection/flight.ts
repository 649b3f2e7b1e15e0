import { FEW, firstWindow, UNBOUNDED } from './first-grants.js';
import { type Mark, OpenPings } from './open-pings.js';
import { pingToken } from './ping-tokens.js';
import { Trust } from './trust.js';

/** Window in bytes of a client that has nothing under way and is not known to be slow. */
const IDLE_WINDOW = 64 * 1024;

/** Smallest window. Slower lines are left to `slowConsumer.grace`. */
const LEAST_WINDOW = 8 * 1024;
/** Most bytes without a ping, on a line that is not known to be fast. */
const MOST_UNMARKED = 128 * 1024;
/** Most bytes without a ping, on a line that answers late. At 30 kbit/s it reads so many bytes in 13 seconds. */
const MOST_UNMARKED_FAR = 48 * 1024;
const LEAST_UNMARKED = 2 * 1024;
/** Largest window: the bytes under way on a gigabit line to the other side of the world. */
const MOST_WINDOW = 16 * 1024 * 1024;

/** Number of pings in a window. */
const MARKS_IN_WINDOW = 4;

/** Most unanswered pings: the pings of the largest window, and some of the heartbeat. */
const MOST_MARKS = Math.ceil(MOST_WINDOW / MOST_UNMARKED_FAR) + 32;

/** Factor of the last lag beyond which an answer is late, but not before `LATE_MS`. `LATE_WINDOW` is then the limit. */
const LATE_TIMES = 2;
const LATE_MS = 250;
const LATE_WINDOW = 64 * 1024;
/** A frame above this share of the window is cut. */
const CUT_SHARE = 1 / 2;
const LEAST_CUT = 4 * 1024;

/**
 * Bytes under way to a client. A client answers a ping when it has read everything before the ping, so the pong
 * acknowledges these bytes, through every proxy. The window is what the line reads in the target time. A fast answer
 * doubles the window, and a late answer shrinks the window to that number.
 */
export class Flight {
  readonly #target: number;
  #window: number;
  #sent = 0;
  acknowledged = 0;
  /** Bytes sent when the last ping was written. */
  #marked = 0;
  #granted: number;
  #grantedAt: number;
  /** Bytes sent before this flight began, at unknown times. */
  #untimed = 0;
  readonly #marks = new OpenPings(MOST_MARKS);
  readonly #trust: Trust;
  /** End-to-end lag measured by the last answer. Milliseconds. */
  #lag = 0;
  /** Rate measured by the answers. Bytes a millisecond. */
  #rate = Infinity;
  /** True if the last answer took so long that the window may not grow. */
  #isSlow = false;
  /** True if the last answer took a quarter of the target time or more. */
  #isFar = false;
  /** True if the client has ever answered a ping. */
  answers: boolean;
  /** True if the wait for the first answer was given up. */
  #isMute = false;
  /** True while the socket is not read, so that no answer arrives. */
  #isUnread = false;

  /**
   * @param target milliseconds in which a client reads the bytes under way; Infinity sets no limit
   * @param answers true if the client has answered a ping before
   * @param granted bytes of the client's first grant
   */
  constructor(target: number, answers: boolean, granted: number, now: number) {
    this.#target = target;
    this.#window = firstWindow(target);
    this.answers = answers;
    this.#trust = new Trust(target);
    this.#granted = granted;
    this.#grantedAt = now;
  }

  /** Lifts all limits until the client answers a ping. */
  giveUpWaiting(): void {
    this.#isMute = true;
  }

  /** Lifts all limits while the socket is not read. */
  stopReading(): void {
    this.#isUnread = true;
  }

  /** Applies the limits again, because the socket is read. */
  goOnReading(): void {
    if (this.#isUnread) this.#marks.outdate();
    this.#isUnread = false;
  }

  get #isUnbounded(): boolean {
    return this.#isMute || this.#isUnread || this.#target === Infinity;
  }

  /** Time of the oldest unanswered ping; undefined without one, and while the time of its answer would mean nothing. */
  get #askedAt(): number | undefined {
    const { oldest } = this.#marks;
    return oldest === undefined || oldest.isStale || this.#isUnread ? undefined : oldest.at;
  }

  /** Bytes written and not acknowledged, as of the last `settle` or `wrote`. */
  get inFlight(): number {
    return this.#sent - this.acknowledged;
  }

  /** A number that grows with each answer. */
  get progress(): number {
    return this.acknowledged + this.#marks.answered;
  }

  /** Bytes that the client reads in a millisecond; Infinity while unknown. */
  get rate(): number {
    return this.#rate;
  }

  /** True if the state is that of a new flight. */
  get isFresh(): boolean {
    return (
      this.#window === firstWindow(this.#target) &&
      this.#trust.isFresh &&
      this.#marks.size === 0 &&
      !this.#isMute
    );
  }

  /** Size above which a frame is cut if it does not fit. A client without pings may not support fragments either. */
  get cutAbove(): number {
    return !this.answers ? Infinity : Math.max(LEAST_CUT, this.#window * CUT_SHARE);
  }

  /** Bytes that may be written before the next ping, to a client with a backlog. */
  get untilMark(): number {
    return this.#isUnbounded ? Infinity : this.#unmarkedLimit - this.unmarked;
  }

  get isMarked(): boolean {
    return this.#marks.size > 0;
  }

  /** True if a new ping is needed, because no unanswered ping covers all written bytes. */
  get needsAnswer(): boolean {
    return !this.#isUnbounded && (this.unmarked > 0 || !this.isMarked);
  }

  /** Bytes written since the last ping. */
  get unmarked(): number {
    return this.#sent - this.#marked;
  }

  /** Milliseconds from a write until the client has read it: the last lag, or a longer wait for the oldest answer. */
  lag(now: number): number {
    return Math.max(this.#lag, now - (this.#askedAt ?? now));
  }

  /** Bytes of the backlog that may be written. */
  room(now: number): number {
    if (this.#isUnbounded) return Infinity;
    if (this.inFlight < FEW && !this.#isSlow) return Math.max(this.#window, IDLE_WINDOW) - this.inFlight;
    return (this.#isLate(now) ? Math.min(this.#window, LATE_WINDOW) : this.#window) - this.inFlight;
  }

  /** Bytes that may be written while there is no backlog. A line known to be fast needs no window. */
  #freeRoom(now: number): number {
    const most = this.#isSlow || this.#isLate(now) ? 0 : this.#trust.inFlight;
    return Math.max(this.room(now), most - this.inFlight);
  }

  #isLate(now: number): boolean {
    return now - (this.#askedAt ?? now) > Math.max(LATE_MS, LATE_TIMES * this.#lag);
  }

  /**
   * Bytes of a batch that the client may get; any number if nothing is under way and the client is not slow.
   * @param left bytes left of the grant
   */
  roomAt(now: number, left: number): number {
    const spent = this.#granted - left;
    if (this.inFlight + spent < FEW && !this.#isSlow) return Infinity;
    return this.#freeRoom(now) - spent;
  }

  /** Ends a grant, and counts its spent bytes as sent. @param left bytes left of the grant */
  settle(left: number): void {
    this.#sent += this.#granted - left;
    this.#granted = 0;
  }

  /** Ends the first grant, which was spent before this flight began. @param left bytes left of the grant */
  settleFirst(left: number): void {
    this.settle(left);
    this.#untimed = this.#sent;
  }

  /** Counts bytes written without a grant as sent. */
  wrote(bytes: number): void {
    this.#sent += bytes;
  }

  /** Begins a grant. Returns the bytes that may be written before the next one. */
  grant(now: number): number {
    if (this.unmarked === 0) this.#grantedAt = now;
    // Not more than the line reads in a moment, because the bytes of a longer grant could not be timed.
    const most = Math.max(this.#unmarkedLimit, this.#trust.inMoment);
    const room = Math.floor(this.#freeRoom(now) * this.#share);
    const bounded = Math.max(0, Math.min(most, this.#stretch, room));
    return (this.#granted = this.#isUnbounded ? UNBOUNDED : bounded);
  }

  /** Tells whether so many bytes may be written in one piece, with a single ping at the end. */
  takesWhole(bytes: number, now: number): boolean {
    if (this.#isUnbounded) return true;
    return bytes <= Math.max(this.#stretch, firstWindow(this.#target)) && bytes <= this.#freeRoom(now);
  }

  /**
   * Tells whether the written bytes need no ping now: an answer is on its way, or the bytes went no faster than the
   * trusted rate of the line. Bytes at that rate are taken as read.
   * @param next bytes of the next write
   */
  isCovered(next: number, now: number): boolean {
    if (this.#isUnbounded) return true;
    if (this.isMarked || !this.answers) return this.isMarked && this.untilMark >= next;
    if (!this.#trust.take(this.unmarked, this.#grantedAt, now)) return false;
    this.#marked = this.#sent;
    this.acknowledged = Math.max(this.acknowledged, this.#sent - this.#trust.ahead);
    return Math.min(this.#stretch, this.#freeRoom(now) * this.#share) >= next;
  }

  /** Notes a ping at the end of the written bytes, and returns its token. @param isBurst true if all were written now */
  mark(now: number, isBurst: boolean): number {
    const token = pingToken();
    const begun = this.#trust.aheadAt ?? (isBurst ? now : this.#grantedAt);
    const since = this.#marks.oldest?.begun ?? begun;
    const { inFlight } = this;
    const bytes = this.unmarked + this.#trust.taken;
    const timed = inFlight - Math.max(0, this.#untimed - this.acknowledged);
    const first = this.#trust.takenAt ?? begun;
    this.#marks.add({ token, upTo: this.#sent, bytes, first, timed, begun, since, at: now, isStale: false });
    this.#marked = this.#sent;
    this.#trust.restart();
    return token;
  }

  /** Handles the answer to a ping. Returns false when no unanswered ping has this token. */
  acknowledge(token: number, now: number): boolean {
    const mark = this.#marks.take(token);
    if (mark === undefined) return false;
    this.acknowledged = Math.max(this.acknowledged, mark.upTo);
    this.answers = true;
    this.#isMute = false;
    if (!mark.isStale) this.#learn(mark, now);
    return true;
  }

  #learn(mark: Mark, now: number): void {
    const { timed, since } = mark;
    const lag = Math.max(1, now - mark.at);
    this.#lag = lag;
    this.#isFar = lag > this.#target / 4;
    if (timed === 0 || this.#target === Infinity) return;
    const rate = timed / lag;
    // A few bytes read late show only a lower bound.
    this.#rate = timed < LEAST_WINDOW / 2 ? Math.max(rate, this.#rate) : rate;
    const least = timed / Math.max(1, now - since);
    this.#isSlow = lag > this.#target / 2;
    if (this.#isSlow) this.#trust.answeredLate(least, rate);
    else this.#trust.answered(mark, now);
    // Whole bytes: a frame cut at a fraction of a byte would lose that byte.
    const readable = (perMs: number): number => Math.floor(perMs * this.#target);
    if (lag > this.#target) this.#window = Math.max(LEAST_WINDOW, Math.min(this.#window, readable(rate)));
    if (this.#isSlow) return;
    const grown = Math.min(2 * this.#window, MOST_WINDOW, readable(least));
    this.#window = Math.max(this.#window, grown);
  }

  /** Bytes that may be written without a ping between them. A line known to be fast gets more. */
  get #stretch(): number {
    if (this.#isFar || this.isMarked) return this.#unmarkedLimit;
    return Math.max(this.#unmarkedLimit, this.#trust.left);
  }

  /** Share of the room that may be spent before a ping. The rest is for data that comes before the answer. */
  get #share(): number {
    return this.isMarked ? 1 : 1 / 2;
  }

  get #unmarkedLimit(): number {
    const most = this.#isFar ? MOST_UNMARKED_FAR : MOST_UNMARKED;
    return Math.max(LEAST_UNMARKED, Math.min(Math.floor(this.#window / MARKS_IN_WINDOW), most));
  }
}
