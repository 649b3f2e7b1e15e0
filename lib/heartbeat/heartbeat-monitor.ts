import { Stalls } from './stalls.js';

/** When a peer is pinged and when it is given up. Milliseconds. */
export interface HeartbeatPolicy {
  /** Silence after which a ping is sent, and time from one ping to the next. Pongs do not end the silence. */
  readonly interval: number;
  /** Silence after which the connection is terminated. */
  readonly timeout: number;
}

/** What the monitor needs of a connection. */
export interface Pulse {
  /** When the peer last gave a sign of life, by the clock of the monitor. */
  readonly lastSeen: number;
  /**
   * Brings `lastSeen` up to date if there was a sign of life that no event has told of.
   * @returns whether bytes come or go just now, so that only a look soon after dates the last of them
   */
  observe(now: number): boolean;
  /** Asks the peer for a sign of life. */
  ping(): void;
  /** Called when nothing was heard for longer than the timeout. */
  expire(): void;

  // The monitor's notes of it. They are kept on the connection because a Map entry and an object for each would cost four
  // times the memory. Times are whole milliseconds of the monitor: small integers, which V8 keeps without an object.

  /** Undefined while it is not watched. */
  beatPolicy: HeartbeatPolicy | undefined;
  /** When to look again. */
  beatDue: number;
  /**
   * When to ping next. The connection sets it to 0 when there was a sign of life that is no pong, which means an interval
   * after `lastSeen`.
   */
  beatPing: number;
  /** Slot of the wheel, and place in it. */
  beatSlot: number;
  beatIndex: number;
}

/** Time, injected so that tests hold it. */
export interface HeartbeatClock {
  /** Milliseconds of a clock that does not go back. */
  now(): number;
  setInterval(callback: () => void, ms: number): { unref(): unknown };
  clearInterval(timer: unknown): void;
  random(): number;
}

/**
 * Ticks in the shortest interval, and slots of the wheel. A look is a tick late at most, and so is a tick: a dead peer is
 * found within a 32nd of the interval.
 */
const SLOTS = 64;

/** With intervals of hours, dead peers are still found to the second: within two ticks. */
const LONGEST_TICK_MS = 500;

/**
 * Finds dead peers with one timer for all connections.
 *
 * A wheel of slots is turned by the timer; each connection sits in the slot of its next look. A silent peer is pinged
 * every interval, the first time at a random moment of the first one, because clients that lost a server come back together.
 * Any sign of life but a pong puts the next one off: with the pongs of a client far away, each would be later than the
 * one before. When the event loop stalled, silence is our fault: the time of the monitor stands still meanwhile.
 */
export class HeartbeatMonitor {
  readonly #slots: Pulse[][] = Array.from({ length: SLOTS }, () => []);
  readonly #clock: HeartbeatClock;
  readonly #stalls = new Stalls();
  /** Where the time of the monitor begins, by the clock. Each stall puts it off. */
  #epoch: number;
  #size = 0;
  #tickMs = LONGEST_TICK_MS;
  #longestTimeout = 0;
  #timer: { unref(): unknown } | undefined;
  #lastTick = 0;
  /** The tick whose slot was looked at last. What is due later in it is found at the next tick. */
  #at = 0;

  constructor(clock: HeartbeatClock) {
    this.#clock = clock;
    this.#epoch = clock.now();
  }

  /** Announces a policy before `add` is given any: the shortest interval of all sets the pace of the wheel. */
  prepare(policy: HeartbeatPolicy): void {
    this.#tickMs = Math.min(this.#tickMs, Math.max(1, Math.floor(policy.interval / SLOTS)));
    this.#longestTimeout = Math.max(this.#longestTimeout, policy.timeout);
  }

  /** Connections watched. */
  get size(): number {
    return this.#size;
  }

  /** Watches a connection that was just heard of, until `delete`. The timer runs while there is one. */
  add(pulse: Pulse, policy: HeartbeatPolicy): void {
    if (this.#timer === undefined) this.#start();
    this.#noteStall(this.#clock.now());
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

  /** Whether the peer was silent for longer than its timeout, stalls of our own left out. */
  isExpired(pulse: Pulse): boolean {
    const policy = pulse.beatPolicy;
    if (policy === undefined) return false;
    const now = this.#clock.now();
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
    this.#lastTick = this.#clock.now();
    this.#at = this.#tickOf(this.#lastTick - this.#epoch);
    this.#timer = this.#clock.setInterval(this.#tick, this.#tickMs);
    this.#timer.unref();
  }

  readonly #tick = (): void => {
    const now = this.#clock.now();
    this.#noteStall(now);
    this.#lastTick = now;
    const at = this.#tickOf(now - this.#epoch);
    for (let tick = Math.max(this.#at, at - SLOTS + 1); tick <= at; tick++) this.#lookAt(tick, now);
  };

  #lookAt(tick: number, now: number): void {
    this.#at = tick;
    const slot = this.#slots[tick % SLOTS]!;
    // Backwards: what is taken out is replaced by the last, which was looked at already.
    for (let i = slot.length - 1; i >= 0; i--) {
      const pulse = slot[i];
      // Later: at the next tick, or after another round of the wheel. Undefined: a look at another one closed several.
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
      // From beat to beat and not from look to look, which would be a little later each time.
      next = Math.max(next, time - this.#tickMs) + policy.interval;
      pulse.beatPing = Math.ceil(next);
      pulse.ping();
    }
    this.#take(pulse);
    const due = Math.min(next, after(seen + policy.timeout));
    this.#schedule(pulse, underWay ? Math.min(due, time + this.#tickMs / 2) : due);
  }

  /** The timer is late by what the loop stood still (or the clock was put forward): nobody could be heard meanwhile. */
  #noteStall(now: number): void {
    const late = now - this.#lastTick - this.#tickMs;
    if (late <= this.#tickMs) return;
    this.#stalls.note(now, late, this.#longestTimeout);
    this.#epoch += late;
    this.#lastTick += late;
  }

  /** A moment of the clock in the time of the monitor. */
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
