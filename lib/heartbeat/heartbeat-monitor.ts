/** When a peer is pinged and when it is given up. Milliseconds. */
export interface HeartbeatPolicy {
  /** Silence after which a ping is sent. */
  readonly interval: number;
  /** Silence after which the connection is terminated. */
  readonly timeout: number;
}

/** What the monitor needs of a connection. */
export interface Pulse {
  readonly lastSeen: number;
  /** Brings `lastSeen` up to date if anything was heard. */
  observe(now: number): void;
  /** Asks the peer for a sign of life. */
  ping(): void;
  /** Called when nothing was heard for longer than the timeout. */
  expire(): void;

  // The monitor's notes of it, which nobody else touches. They are kept on the connection because a Map entry and an
  // object for each would cost four times the memory.

  /** Undefined while it is not watched. */
  beatPolicy: HeartbeatPolicy | undefined;
  /** When to look again, in whole milliseconds of the monitor: small integers, which V8 keeps without an object. */
  beatDue: number;
  /** Slot of the wheel, and place in it. */
  beatSlot: number;
  beatIndex: number;
}

/** Time, injected so that tests hold it. */
export interface HeartbeatClock {
  /** Milliseconds since 1970. */
  now(): number;
  setInterval(callback: () => void, ms: number): { unref(): unknown };
  clearInterval(timer: unknown): void;
  random(): number;
}

/** Slots of the wheel: a beat is at most 1/32 of the shortest interval late, and 32 lists cost nothing. */
const SLOTS = 32;

/** With intervals of hours, dead peers are still found to the second. */
const LONGEST_TICK_MS = 1000;

/**
 * Finds dead peers with one timer for all connections.
 *
 * A wheel of slots is turned by the timer; each connection sits in the slot of its next look, the first one at a
 * random moment of its interval, because clients that lost a server come back together. Any byte received is a sign
 * of life and saves the ping. When the event loop stalled, silence is our fault: deadlines move by the measured stall.
 */
export class HeartbeatMonitor {
  readonly #slots: Pulse[][] = Array.from({ length: SLOTS }, () => []);
  readonly #clock: HeartbeatClock;
  /** Where the milliseconds of `beatDue` begin. */
  readonly #epoch: number;
  #size = 0;
  #tickMs = LONGEST_TICK_MS;
  #longestTimeout = 0;
  #stalls: { readonly at: number; readonly ms: number }[] = [];
  #timer: { unref(): unknown } | undefined;
  #lastTick = 0;
  #at = 0;

  constructor(clock: HeartbeatClock) {
    this.#clock = clock;
    this.#epoch = clock.now();
  }

  /** Announces a policy before `add` is given it: the shortest interval of all sets the pace of the wheel. */
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
    pulse.beatPolicy = policy;
    this.#size++;
    this.#schedule(pulse, pulse.lastSeen + policy.interval * this.#clock.random());
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
    return policy !== undefined && this.#silence(pulse, this.#clock.now()) > policy.timeout;
  }

  stop(): void {
    this.#clock.clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    this.#lastTick = this.#clock.now();
    this.#timer = this.#clock.setInterval(this.#tick, this.#tickMs);
    this.#timer.unref();
  }

  readonly #tick = (): void => {
    const now = this.#clock.now();
    this.#noteStall(now);
    this.#lastTick = now;
    this.#at = (this.#at + 1) % SLOTS;
    const slot = this.#slots[this.#at]!;
    // Backwards: what is taken out is replaced by the last, which was looked at already.
    for (let i = slot.length - 1; i >= 0; i--) {
      const pulse = slot[i];
      // Later: it waits for another round of the wheel. Undefined: a look at another one closed several.
      if (pulse !== undefined && pulse.beatDue <= now + this.#tickMs - this.#epoch) this.#look(pulse, now);
    }
  };

  #look(pulse: Pulse, now: number): void {
    const policy = pulse.beatPolicy!;
    pulse.observe(now);
    const silence = this.#silence(pulse, now);
    if (silence > policy.timeout) {
      this.delete(pulse);
      pulse.expire();
      return;
    }
    // A beat may come a tick early, which must not cost its connection a whole interval.
    const silent = silence >= policy.interval - this.#tickMs;
    if (silent) pulse.ping();
    this.#take(pulse);
    const next = silent
      ? Math.min(policy.interval, policy.timeout - silence + this.#tickMs)
      : policy.interval - silence;
    this.#schedule(pulse, now + next);
  }

  #silence({ lastSeen }: Pulse, now: number): number {
    let silence = now - lastSeen;
    for (const { at, ms } of this.#stalls) if (at > lastSeen) silence -= ms;
    return silence;
  }

  /** The timer is late by what the loop stood still (or the clock was put forward): nobody could be heard meanwhile. */
  #noteStall(now: number): void {
    const late = now - this.#lastTick - this.#tickMs;
    if (late > this.#tickMs) this.#stalls.push({ at: now, ms: late });
    if (this.#stalls.length === 0) return;
    const lost = this.#stalls.reduce((sum, { ms }) => sum + ms, 0);
    this.#stalls = this.#stalls.filter(({ at }) => now - at < this.#longestTimeout + lost);
  }

  #schedule(pulse: Pulse, at: number): void {
    pulse.beatDue = Math.round(at - this.#epoch);
    const ticks = Math.max(1, Math.ceil((at - this.#lastTick) / this.#tickMs));
    pulse.beatSlot = (this.#at + ticks) % SLOTS;
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
