import type { Clock, Timer } from '../time/clock.js';
import { Stalls } from './stalls.js';

/** Times of silence before a peer is pinged, and before a peer is given up. Milliseconds. */
export interface HeartbeatPolicy {
  /** Silence after which a ping is sent, and time from one ping to the next. Pongs do not end the silence. */
  readonly interval: number;
  /** Silence after which the connection is terminated. */
  readonly timeout: number;
}

/** Part of a connection that the monitor needs. */
export interface Pulse {
  /** Time of the peer's last sign of life, by the clock of the monitor. */
  readonly lastSeen: number;
  /**
   * Brings `lastSeen` up to date after a sign of life that no event has told of.
   * @returns whether bytes come or go just now: then only a look soon after can date the last byte
   */
  observe(now: number): boolean;
  /** Asks the peer for a sign of life. */
  ping(): void;
  /** Called when the peer was silent for longer than the timeout. */
  expire(): void;

  // Notes of the monitor, kept on the connection: a Map entry and an object for each connection would cost four times the
  // memory. Times are whole milliseconds of the monitor: small integers, which V8 keeps without an object.

  /** Policy of the connection; undefined while the connection is not watched. */
  beatPolicy: HeartbeatPolicy | undefined;
  /** Time of the next look. */
  beatDue: number;
  /**
   * Time of the next ping. The connection sets this time to 0 after a sign of life other than a pong. 0 means an interval
   * after `lastSeen`.
   */
  beatPing: number;
  /** Slot of the wheel, and place in the slot. */
  beatSlot: number;
  beatIndex: number;
}

/**
 * Ticks in the shortest interval, and slots of the wheel. A look is at most a tick late, and a tick is too. So a dead peer is
 * found within a 32nd of the interval.
 */
const SLOTS = 64;

/** Longest tick. Even with intervals of hours, dead peers are found within two ticks: a second. */
const LONGEST_TICK_MS = 500;

/**
 * Finds dead peers with one timer for all connections.
 *
 * The timer turns a wheel of slots. Each connection sits in the slot of its next look. A silent peer is pinged every interval.
 * The first ping comes at a random moment of the first interval, because clients that lost a server come back together.
 * Any sign of life but a pong puts the next ping off. If a pong did so too, each ping to a client far away would be later
 * than the one before. The time of the monitor stands still while the event loop stalls: silence is our fault then.
 */
export class HeartbeatMonitor {
  readonly #slots: Pulse[][] = Array.from({ length: SLOTS }, () => []);
  readonly #clock: Clock;
  readonly #stalls = new Stalls();
  /** Start of the monitor's time, by the clock. Each stall puts this start off. */
  #epoch: number;
  #size = 0;
  #tickMs = LONGEST_TICK_MS;
  #longestTimeout = 0;
  #timer: Timer | undefined;
  #lastTick = 0;
  /** Tick whose slot was looked at last. A connection that is due later in this tick is found at the next one. */
  #at = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#epoch = clock.wallTime();
  }

  /** Announces a policy before the first `add`. The shortest interval of all policies sets the pace of the wheel. */
  prepare(policy: HeartbeatPolicy): void {
    this.#tickMs = Math.min(this.#tickMs, Math.max(1, Math.floor(policy.interval / SLOTS)));
    this.#longestTimeout = Math.max(this.#longestTimeout, policy.timeout);
  }

  /** Number of connections watched. */
  get size(): number {
    return this.#size;
  }

  /** Watches a connection that was just heard of, until `delete`. The timer runs while any connection is watched. */
  add(pulse: Pulse, policy: HeartbeatPolicy): void {
    if (this.#timer === undefined) this.#start();
    this.#noteStall(this.#clock.wallTime());
    pulse.beatPolicy = policy;
    this.#size++;
    const seen = this.#timeOf(pulse.lastSeen);
    const first = seen + policy.interval * this.#clock.random();
    pulse.beatPing = Math.max(1, Math.ceil(first));
    this.#schedule(pulse, Math.min(first, after(seen + policy.timeout)));
  }

  delete(pulse: Pulse): void {
    if (pulse.beatPolicy === undefined) return;
    pulse.beatPolicy = undefined;
    this.#size--;
    this.#take(pulse);
    if (this.#size === 0) this.stop();
  }

  /** Tells whether the peer was silent for longer than its timeout. Our own stalls do not count. */
  isExpired(pulse: Pulse): boolean {
    const policy = pulse.beatPolicy;
    if (policy === undefined) return false;
    const now = this.#clock.wallTime();
    this.#noteStall(now);
    if (this.#silence(pulse, now) <= policy.timeout) return false;
    pulse.observe(now);
    return this.#silence(pulse, now) > policy.timeout;
  }

  stop(): void {
    this.#clock.clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    this.#lastTick = this.#clock.wallTime();
    this.#at = this.#tickOf(this.#lastTick - this.#epoch);
    this.#timer = this.#clock.setInterval(this.#tick, this.#tickMs);
    this.#timer.unref();
  }

  readonly #tick = (): void => {
    const now = this.#clock.wallTime();
    this.#noteStall(now);
    this.#lastTick = now;
    const at = this.#tickOf(now - this.#epoch);
    for (let tick = Math.max(this.#at, at - SLOTS + 1); tick <= at; tick++) this.#lookAt(tick, now);
  };

  #lookAt(tick: number, now: number): void {
    this.#at = tick;
    const slot = this.#slots[tick % SLOTS]!;
    // Backwards: the last pulse, which was looked at already, replaces a pulse taken out.
    for (let i = slot.length - 1; i >= 0; i--) {
      const pulse = slot[i];
      // A pulse due later waits for the next tick, or for another round. Undefined: a look at another pulse closed several.
      if (pulse !== undefined && pulse.beatDue <= now - this.#epoch) this.#look(pulse, now);
    }
  }

  #look(pulse: Pulse, now: number): void {
    const policy = pulse.beatPolicy!;
    const time = now - this.#epoch;
    const underWay = pulse.observe(now);
    const seen = this.#timeOf(pulse.lastSeen);
    if (time - seen > policy.timeout) {
      this.delete(pulse);
      pulse.expire();
      return;
    }
    let next = pulse.beatPing === 0 ? seen + policy.interval : pulse.beatPing;
    if (next <= time) {
      // Counted from beat to beat. Counted from look to look, each ping would be a little later.
      next = Math.max(next, time - this.#tickMs) + policy.interval;
      pulse.beatPing = Math.ceil(next);
      pulse.ping();
    }
    this.#take(pulse);
    const due = Math.min(next, after(seen + policy.timeout));
    this.#schedule(pulse, underWay ? Math.min(due, time + this.#tickMs / 2) : due);
  }

  /** Notes a stall of the event loop, or a clock put forward. The timer is late by its length, and no peer was heard meanwhile. */
  #noteStall(now: number): void {
    const late = now - this.#lastTick - this.#tickMs;
    if (late <= this.#tickMs) return;
    this.#stalls.note(now, late, this.#longestTimeout);
    this.#epoch += late;
    this.#lastTick += late;
  }

  /** Converts a moment of the clock to the time of the monitor. */
  #timeOf(moment: number): number {
    return moment - this.#epoch + this.#stalls.since(moment);
  }

  #silence(pulse: Pulse, now: number): number {
    return now - this.#epoch - this.#timeOf(pulse.lastSeen);
  }

  #tickOf(time: number): number {
    return Math.floor(time / this.#tickMs);
  }

  #schedule(pulse: Pulse, at: number): void {
    pulse.beatDue = Math.ceil(at);
    pulse.beatSlot = Math.max(this.#at, this.#tickOf(pulse.beatDue)) % SLOTS;
    pulse.beatIndex = this.#slots[pulse.beatSlot]!.push(pulse) - 1;
  }

  #take(pulse: Pulse): void {
    const slot = this.#slots[pulse.beatSlot]!;
    const last = slot.pop()!;
    if (last === pulse) return;
    slot[pulse.beatIndex] = last;
    last.beatIndex = pulse.beatIndex;
  }
}

/** The first whole millisecond after a moment. */
function after(time: number): number {
  return Math.floor(time) + 1;
}
