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

/** One connection on the wheel. */
interface Beat {
  readonly pulse: Pulse;
  readonly policy: HeartbeatPolicy;
  /** When to look again. */
  due: number;
  slot: number;
  index: number;
}

/**
 * Finds dead peers with one timer for all connections.
 *
 * A wheel of slots is turned by the timer; each connection sits in the slot of its next look, the first one at a
 * random moment of its interval, because clients that lost a server come back together. Any byte received is a sign
 * of life and saves the ping. When the event loop stalled, silence is our fault: deadlines move by the measured stall.
 */
export class HeartbeatMonitor {
  readonly #slots: Beat[][] = Array.from({ length: SLOTS }, () => []);
  readonly #beats = new Map<Pulse, Beat>();
  readonly #clock: HeartbeatClock;
  #tickMs = LONGEST_TICK_MS;
  #longestTimeout = 0;
  #stalls: { readonly at: number; readonly ms: number }[] = [];
  #timer: { unref(): unknown } | undefined;
  #lastTick = 0;
  #at = 0;

  constructor(clock: HeartbeatClock) {
    this.#clock = clock;
  }

  /** Announces a policy before `add` is given it: the shortest interval of all sets the pace of the wheel. */
  prepare(policy: HeartbeatPolicy): void {
    this.#tickMs = Math.min(this.#tickMs, Math.max(1, Math.floor(policy.interval / SLOTS)));
    this.#longestTimeout = Math.max(this.#longestTimeout, policy.timeout);
  }

  /** Connections watched. */
  get size(): number {
    return this.#beats.size;
  }

  /** Watches a connection until `delete`. The timer runs while there is one. */
  add(pulse: Pulse, policy: HeartbeatPolicy): void {
    if (this.#timer === undefined) this.#start();
    const beat: Beat = { pulse, policy, due: 0, slot: 0, index: 0 };
    this.#beats.set(pulse, beat);
    this.#schedule(beat, this.#clock.now() + policy.interval * this.#clock.random());
  }

  delete(pulse: Pulse): void {
    const beat = this.#beats.get(pulse);
    if (beat === undefined) return;
    this.#beats.delete(pulse);
    this.#take(beat);
    if (this.#beats.size === 0) this.stop();
  }

  /** Whether the peer was silent for longer than its timeout, stalls of our own left out. */
  isExpired(pulse: Pulse): boolean {
    const beat = this.#beats.get(pulse);
    return beat !== undefined && this.#silence(pulse, this.#clock.now()) > beat.policy.timeout;
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
      const beat = slot[i];
      // Later: it waits for another round of the wheel. Undefined: a look at another one closed several.
      if (beat !== undefined && beat.due <= now + this.#tickMs) this.#look(beat, now);
    }
  };

  #look(beat: Beat, now: number): void {
    const { pulse, policy } = beat;
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
    this.#take(beat);
    const next = silent
      ? Math.min(policy.interval, policy.timeout - silence + this.#tickMs)
      : policy.interval - silence;
    this.#schedule(beat, now + next);
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

  #schedule(beat: Beat, due: number): void {
    beat.due = due;
    const ticks = Math.max(1, Math.ceil((due - this.#lastTick) / this.#tickMs));
    beat.slot = (this.#at + ticks) % SLOTS;
    beat.index = this.#slots[beat.slot]!.push(beat) - 1;
  }

  #take(beat: Beat): void {
    const slot = this.#slots[beat.slot]!;
    const last = slot.pop()!;
    if (last === beat) return;
    slot[beat.index] = last;
    last.index = beat.index;
  }
}
