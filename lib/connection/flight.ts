import { pingFrame } from '../wire/frame.js';
import { FEW, firstWindow, UNBOUNDED } from './first-grants.js';
import { type Mark, OpenPings } from './open-pings.js';
import { pingToken } from './ping-tokens.js';
import { Trust } from './trust.js';

/** Bytes for a client with nothing under way, while nothing shows that it is slow. */
const IDLE_WINDOW = 64 * 1024;

/** Least bytes that may be under way: a line slower than this in the target time is given up by `slowConsumer.grace`. */
const LEAST_WINDOW = 8 * 1024;

/** Bytes after which a ping follows on a line that is not known to be fast. */
const MOST_UNMARKED = 128 * 1024;

const LEAST_UNMARKED = 2 * 1024;

/** Most bytes that may be under way: what a gigabit line has under way to the other side of the world. */
const MOST_WINDOW = 16 * 1024 * 1024;

/** Pings in a window. */
const MARKS_IN_WINDOW = 4;

/** Pings that may be unanswered at the same time: those of the largest window, and some of the heartbeat. */
const MOST_MARKS = MOST_WINDOW / MOST_UNMARKED + 32;

/** An answer that takes so many times as long as the last one, and so many milliseconds, is late; bytes that may be under way then. */
const LATE_TIMES = 2;
const LATE_MS = 250;
const LATE_WINDOW = 64 * 1024;

/** A frame of more than this share of the window is cut. */
const CUT_SHARE = 1 / 2;
const LEAST_CUT = 4 * 1024;

/**
 * What is under way to a client. A client answers a ping when it has read everything before it, so the pong acknowledges
 * these bytes, through every proxy. The window is what the line reads in the target time: it doubles with each answer that
 * comes fast, and shrinks to what fits with one that comes late.
 */
export class Flight {
  readonly #target: number;
  #window: number;
  #sent = 0;
  /** Bytes acknowledged. */
  acknowledged = 0;
  /** Bytes sent when the last ping was written. */
  #marked = 0;
  #granted: number;
  #grantedAt: number;
  /** Bytes sent when nothing was timed. */
  #untimed = 0;
  readonly #marks = new OpenPings(MOST_MARKS);
  readonly #trust: Trust;
  /** The end-to-end lag that the last answer has shown. */
  #lag = 0;
  /** Bytes a millisecond of the last answer. */
  #rate = Infinity;
  /** Whether the last answer took so long that the window may not grow. */
  #isSlow = false;
  /** Whether the client has ever answered a ping. */
  answers: boolean;
  /** Whether it is given up to wait for its first answer. */
  #isMute = false;
  /** Whether the socket is not read, so that no answer comes. */
  #isUnread = false;

  /**
   * @param target milliseconds in which a client reads what is under way; Infinity bounds nothing
   * @param answers whether the client has answered a ping before
   * @param granted bytes that it was granted so far
   */
  constructor(target: number, answers: boolean, granted: number, now: number) {
    this.#target = target;
    this.#window = firstWindow(target);
    this.answers = answers;
    this.#trust = new Trust(target);
    this.#granted = granted;
    this.#grantedAt = now;
  }

  /** Nothing is bounded any more until the client answers a ping. */
  giveUpWaiting(): void {
    this.#isMute = true;
  }

  /** Nothing is bounded while the socket is not read. */
  stopReading(): void {
    this.#isUnread = true;
  }

  /** The socket is read, maybe again. */
  goOnReading(): void {
    if (this.#isUnread) this.#marks.outdate();
    this.#isUnread = false;
  }

  get #isUnbounded(): boolean {
    return this.#isMute || this.#isUnread || this.#target === Infinity;
  }

  /** When the oldest ping was written that waits for its answer; undefined while none does. */
  get #askedAt(): number | undefined {
    const { oldest } = this.#marks;
    return oldest === undefined || oldest.isStale || this.#isUnread ? undefined : oldest.at;
  }

  /** Bytes that were written and not acknowledged, by what was last told to `settle` or `wrote`. */
  get inFlight(): number {
    return this.#sent - this.acknowledged;
  }

  /** A number that grows with each answer. */
  get progress(): number {
    return this.acknowledged + this.#marks.answered;
  }

  /** Bytes a millisecond that the client reads; Infinity while nothing is known. */
  get rate(): number {
    return this.#rate;
  }

  /** Whether nothing is known that a new flight would not know. */
  get isFresh(): boolean {
    return (
      this.#window === firstWindow(this.#target) &&
      this.#trust.isFresh &&
      this.#marks.size === 0 &&
      !this.#isMute
    );
  }

  /** Size above which a frame is cut where it does not fit. Who knows no pings may know no fragments either. */
  get cutAbove(): number {
    return !this.answers ? Infinity : Math.max(LEAST_CUT, this.#window * CUT_SHARE);
  }

  /** Bytes that may be written before the next ping is due, to a client that has to read what it was sent. */
  get untilMark(): number {
    return this.#isUnbounded ? Infinity : this.#unmarkedLimit - this.unmarked;
  }

  /** Whether a ping is not answered yet. */
  get isMarked(): boolean {
    return this.#marks.size > 0;
  }

  /** Whether no answer on its way would tell of everything that was written. */
  get needsAnswer(): boolean {
    return !this.#isUnbounded && (this.unmarked > 0 || !this.isMarked);
  }

  /** Bytes written behind the last ping. */
  get unmarked(): number {
    return this.#sent - this.#marked;
  }

  /** Milliseconds from a write to the client having read it: the last that was shown, or the wait for the oldest answer. */
  lag(now: number): number {
    return Math.max(this.#lag, now - (this.#askedAt ?? now));
  }

  /** Bytes that may be written of what has waited. */
  room(now: number): number {
    if (this.#isUnbounded) return Infinity;
    if (this.inFlight < FEW && !this.#isSlow) return Math.max(this.#window, IDLE_WINDOW) - this.inFlight;
    return (this.#isLate(now) ? Math.min(this.#window, LATE_WINDOW) : this.#window) - this.inFlight;
  }

  /** Bytes that may be written while nothing waits: a line that has shown to be fast needs no window. */
  #freeRoom(now: number): number {
    const most = this.#isSlow || this.#isLate(now) ? 0 : this.#trust.inFlight;
    return Math.max(this.room(now), most - this.inFlight);
  }

  #isLate(now: number): boolean {
    return now - (this.#askedAt ?? now) > Math.max(LATE_MS, LATE_TIMES * this.#lag);
  }

  /**
   * Bytes of a batch that the client takes, of which some may have to wait. With nothing under way to a client that is not slow
   * it takes any, as a whole.
   * @param left bytes of the grant that are left
   */
  roomAt(now: number, left: number): number {
    const spent = this.#granted - left;
    if (this.inFlight + spent < FEW && !this.#isSlow) return Infinity;
    return this.#freeRoom(now) - spent;
  }

  /** Ends a grant, and takes note of what was written of it. @param left bytes of the grant that are left */
  settle(left: number): void {
    this.#sent += this.#granted - left;
    this.#granted = 0;
  }

  /** Ends the grant that a client has without a flight. @param left bytes of the grant that are left */
  settleFirst(left: number): void {
    this.settle(left);
    this.#untimed = this.#sent;
  }

  /** Takes note of bytes that were written without a grant. */
  wrote(bytes: number): void {
    this.#sent += bytes;
  }

  /** Bytes that may be written before it is to be asked again. */
  grant(now: number): number {
    if (this.unmarked === 0) this.#grantedAt = now;
    // What a line reads in a moment, or it would not be known how long the bytes of a grant took.
    const most = Math.max(this.#unmarkedLimit, this.#trust.inMoment);
    const room = Math.floor(this.#freeRoom(now) * this.#share);
    const bounded = Math.max(0, Math.min(most, this.#stretch, room));
    return (this.#granted = this.#isUnbounded ? UNBOUNDED : bounded);
  }

  /** Whether so many bytes may be written as one, with a ping behind them at most. */
  takesWhole(bytes: number, now: number): boolean {
    if (this.#isUnbounded) return true;
    return bytes <= Math.max(this.#stretch, firstWindow(this.#target)) && bytes <= this.#freeRoom(now);
  }

  /**
   * Whether what was written needs no ping now: an answer is on its way, or it went no faster than the line is trusted to read,
   * and is taken as read for that.
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

  /** A ping for the end of what was written. @param isBurst whether all of it since the last ping was written now */
  mark(now: number, isBurst: boolean): Buffer {
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
    return pingFrame(token);
  }

  /** Takes the answer to a ping. False for a token that is not, or no longer, waited for. */
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
    if (timed === 0 || this.#target === Infinity) return;
    this.#rate = timed / lag;
    const least = timed / Math.max(1, now - since);
    this.#isSlow = lag > this.#target / 2;
    if (this.#isSlow) this.#trust.answeredLate(least, this.#rate);
    else this.#trust.answered(mark, now);
    // Whole bytes: what is cut to fit would lose the rest of one.
    const readable = (perMs: number): number => Math.floor(perMs * this.#target);
    if (lag > this.#target)
      this.#window = Math.max(LEAST_WINDOW, Math.min(this.#window, readable(this.#rate)));
    if (this.#isSlow) return;
    const grown = Math.min(2 * this.#window, MOST_WINDOW, readable(least));
    this.#window = Math.max(this.#window, grown);
  }

  /** Bytes that may follow each other without a ping between them: more on a line that has shown to be fast. */
  get #stretch(): number {
    if (this.#isSlow || this.isMarked) return this.#unmarkedLimit;
    return Math.max(this.#unmarkedLimit, this.#trust.left);
  }

  /** Share of the room that may be spent before a ping. The rest is for what comes until its answer. */
  get #share(): number {
    return this.isMarked ? 1 : 1 / 2;
  }

  get #unmarkedLimit(): number {
    return Math.max(LEAST_UNMARKED, Math.min(Math.floor(this.#window / MARKS_IN_WINDOW), MOST_UNMARKED));
  }
}
