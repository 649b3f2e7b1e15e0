import { expect } from 'vitest';
import {
  HeartbeatMonitor,
  type HeartbeatPolicy,
  type Pulse,
} from '../../../lib/heartbeat/heartbeat-monitor.js';
import { HandClock } from './hand-clock.js';

export const POLICY = { interval: 10_000, timeout: 30_000 };

/** The wheel turns 64 times an interval. */
export const TICK = Math.floor(POLICY.interval / 64);

/** A peer that notes when it was pinged and given up, and does what it is told to. */
export class Peer implements Pulse {
  lastSeen: number;
  /** Milliseconds after which its pong arrives; undefined while it answers no ping. */
  roundTrip: number | undefined;
  /** A sign of life that only a look finds. */
  unseen = false;
  onExpire = (): void => {};
  readonly pings: number[] = [];
  readonly looks: number[] = [];
  readonly expiries: number[] = [];
  beatPolicy: HeartbeatPolicy | undefined;
  beatDue = 0;
  beatPing = 0;
  beatSlot = 0;
  beatIndex = 0;
  readonly #clock: HandClock;

  constructor(clock: HandClock) {
    this.#clock = clock;
    this.lastSeen = clock.time;
  }

  /** It says something of its own. */
  speak(): void {
    this.lastSeen = this.#clock.time;
    this.beatPing = 0;
  }

  /** As a connection notes a pong. */
  pong(): void {
    this.lastSeen = this.#clock.time;
  }

  observe(): boolean {
    this.looks.push(this.#clock.time);
    if (!this.unseen) return false;
    this.unseen = false;
    this.speak();
    return true;
  }

  ping(): void {
    this.pings.push(this.#clock.time);
    if (this.roundTrip === 0) this.pong();
    else if (this.roundTrip !== undefined) this.#clock.setTimeout(() => this.pong(), this.roundTrip);
  }

  expire(): void {
    this.expiries.push(this.#clock.time);
    this.onExpire();
  }

  /** Milliseconds between one ping and the next. */
  get periods(): number[] {
    return this.pings.slice(1).map((at, i) => at - this.pings[i]!);
  }
}

/** A monitor on a clock that a test holds, with its peers. */
export class Beat {
  readonly clock = new HandClock();
  readonly monitor: HeartbeatMonitor;

  constructor(...policies: HeartbeatPolicy[]) {
    this.clock.time = 1_000_000;
    this.monitor = new HeartbeatMonitor(this.clock);
    for (const policy of policies) this.monitor.prepare(policy);
  }

  /** Watches so many, whose first looks are spread over the interval. */
  watch(count = 1, policy = POLICY): Peer[] {
    return Array.from({ length: count }, (_, i) => this.#add(i / count, policy));
  }

  /** Watches one whose first ping is as late as can be. */
  watchOne(policy = POLICY): Peer {
    return this.#add(1 - 1e-9, policy);
  }

  /** Does something every so many milliseconds, until some have passed. */
  every(ms: number, until: number, act: () => void): void {
    const { clock } = this;
    for (const end = clock.time + until; clock.time < end;) {
      act();
      clock.advance(ms);
    }
  }

  #add(chance: number, policy: HeartbeatPolicy): Peer {
    this.clock.chance = chance;
    const peer = new Peer(this.clock);
    this.monitor.add(peer, policy);
    return peer;
  }
}

/**
 * Expects that a peer was given up neither early nor late.
 * @param from when it was last heard
 * @param stalled what the event loop stood still since
 */
export function expectFound(
  { expiries }: Peer,
  from: number,
  { interval, timeout } = POLICY,
  stalled = 0,
): void {
  expect(expiries).toHaveLength(1);
  expect(expiries[0]! - from).toBeGreaterThan(timeout);
  expect(expiries[0]! - from).toBeLessThanOrEqual(timeout + stalled + Math.max(2, interval / 32));
}
