import { beforeEach, describe, expect, it } from 'vitest';
import { HeartbeatMonitor, type Pulse } from '../../../lib/heartbeat/heartbeat-monitor.js';
import { HandClock } from '../support/hand-clock.js';

const POLICY = { interval: 10_000, timeout: 30_000 };

/** The wheel turns 32 times an interval, so a beat may be this late. */
const TICK = Math.floor(POLICY.interval / 32);

let clock: HandClock;
let monitor: HeartbeatMonitor;

/** A peer that notes when it was pinged and given up, and answers if it is told to. */
class Peer implements Pulse {
  lastSeen: number;
  answers = false;
  /** Bytes came since the last look. */
  heard = false;
  onExpire = (): void => {};
  readonly pings: number[] = [];
  readonly expiries: number[] = [];
  beatPolicy: Pulse['beatPolicy'];
  beatDue = 0;
  beatSlot = 0;
  beatIndex = 0;

  constructor() {
    this.lastSeen = clock.time;
  }

  observe(now: number): void {
    if (this.heard) this.lastSeen = now;
    this.heard = false;
  }

  ping(): void {
    this.pings.push(clock.time);
    if (this.answers) this.heard = true;
  }

  expire(): void {
    this.expiries.push(clock.time);
    this.onExpire();
  }
}

function watch(count = 1, policy = POLICY): Peer[] {
  const peers = Array.from({ length: count }, (_, i) => {
    clock.chance = i / count;
    const peer = new Peer();
    monitor.add(peer, policy);
    return peer;
  });
  return peers;
}

beforeEach(() => {
  clock = new HandClock();
  clock.time = 1_000_000;
  monitor = new HeartbeatMonitor(clock);
  monitor.prepare(POLICY);
});

describe('HeartbeatMonitor', () => {
  it('needs one timer for a thousand peers, which keeps no process alive', () => {
    watch(1000);
    expect(clock.timers).toBe(1);
    expect(clock.unreffed.size).toBe(1);
    clock.advance(60_000);
    expect(clock.timers).toBeLessThanOrEqual(1);
  });

  it('spreads the first beats over the interval, since clients come back together', () => {
    const peers = watch(1000);
    const counts: number[] = [];
    for (const peer of peers) peer.lastSeen = clock.time - POLICY.interval;
    for (let i = 0; i < 32; i++) {
      const before = peers.filter(({ pings }) => pings.length > 0).length;
      clock.advance(TICK);
      counts.push(peers.filter(({ pings }) => pings.length > 0).length - before);
    }
    expect(Math.max(...counts)).toBeLessThan(100);
    expect(counts.filter(count => count > 0).length).toBeGreaterThan(28);
  });

  it('pings a silent peer after an interval, and gives it up after the timeout, neither early nor late', () => {
    const start = clock.time;
    const peers = watch(50);
    clock.advance(60_000);
    for (const { pings, expiries } of peers) {
      expect(pings[0]! - start).toBeGreaterThanOrEqual(POLICY.interval - TICK);
      expect(pings[0]! - start).toBeLessThanOrEqual(POLICY.interval + 2 * TICK);
      expect(pings.length).toBeGreaterThanOrEqual(2);
      expect(expiries).toHaveLength(1);
      expect(expiries[0]! - start).toBeGreaterThan(POLICY.timeout);
      expect(expiries[0]! - start).toBeLessThanOrEqual(POLICY.timeout + 3 * TICK);
    }
    expect(monitor.size).toBe(0);
  });

  it('never pings a peer that was heard, and never gives it up', () => {
    const [peer] = watch();
    for (let i = 0; i < 100; i++) {
      peer!.heard = true;
      clock.advance(POLICY.interval / 2);
    }
    expect(peer).toMatchObject({ pings: [], expiries: [] });
  });

  it('keeps a peer that answers, and pings it every interval or every second one', () => {
    const peers = watch(20);
    for (const peer of peers) peer.answers = true;
    clock.advance(POLICY.interval * 50);
    for (const { pings, expiries } of peers) {
      expect(expiries).toEqual([]);
      expect(pings.length).toBeGreaterThan(22);
      expect(pings.length).toBeLessThanOrEqual(51);
    }
  });

  it('gives each policy its own times, when the wheel was prepared for both', () => {
    const quick = { interval: 320, timeout: 1000 };
    const slow = { interval: 3_600_000, timeout: 7_200_000 };
    monitor = new HeartbeatMonitor(clock);
    for (const policy of [slow, quick]) monitor.prepare(policy);
    const start = clock.time;
    const [a] = watch(1, quick);
    const [b] = watch(1, slow);
    clock.advance(2000);
    expect(a!.expiries[0]! - start).toBeLessThan(1100);
    expect(b).toMatchObject({ pings: [], expiries: [] });
    clock.advance(slow.timeout);
    expect(b!.expiries[0]! - start).toBeLessThan(slow.timeout + 2000);
    expect(b!.expiries[0]! - start).toBeGreaterThan(slow.timeout);
  });

  describe('a stall of the event loop', () => {
    it('moves the deadline by its length: a peer that answers is not given up for it', () => {
      const [silent, answering] = watch(2);
      answering!.answers = true;
      const start = clock.time;
      clock.advance(5000);
      clock.stall(60_000);
      expect([silent!.expiries, answering!.expiries]).toEqual([[], []]);
      clock.advance(120_000);
      expect(answering!.expiries).toEqual([]);
      expect(silent!.expiries[0]! - start).toBeGreaterThan(POLICY.timeout + 60_000 - 2 * TICK);
      expect(silent!.expiries[0]! - start).toBeLessThanOrEqual(POLICY.timeout + 60_000 + 3 * TICK);
    });

    it('adds up when there are several', () => {
      const start = clock.time;
      const [silent] = watch();
      for (let i = 0; i < 4; i++) {
        clock.advance(5000);
        clock.stall(20_000);
      }
      expect(silent!.expiries).toEqual([]);
      clock.advance(60_000);
      expect(silent!.expiries[0]! - start).toBeGreaterThan(POLICY.timeout + 80_000 - 5 * TICK);
    });

    it('does not excuse a peer that was heard after it', () => {
      const [peer] = watch();
      clock.advance(1000);
      clock.stall(60_000);
      peer!.lastSeen = clock.time;
      const heard = clock.time;
      clock.advance(60_000);
      expect(peer!.expiries[0]! - heard).toBeLessThanOrEqual(POLICY.timeout + 3 * TICK);
    });

    it('does not excuse a peer that came long after it', () => {
      clock.stall(0);
      const [first] = watch();
      first!.answers = true;
      clock.advance(1000);
      clock.stall(100_000);
      clock.advance(400_000);
      const start = clock.time;
      const [late] = watch();
      clock.advance(60_000);
      expect(late!.expiries[0]! - start).toBeLessThanOrEqual(POLICY.timeout + 3 * TICK);
    });
  });

  describe('#isExpired', () => {
    it('says whether a watched peer is past its timeout', () => {
      const [peer] = watch();
      expect(monitor.isExpired(peer!)).toBe(false);
      clock.time += POLICY.timeout;
      expect(monitor.isExpired(peer!)).toBe(false);
      clock.time += 1;
      expect(monitor.isExpired(peer!)).toBe(true);
      peer!.lastSeen = clock.time;
      expect(monitor.isExpired(peer!)).toBe(false);
      expect(monitor.isExpired(new Peer())).toBe(false);
    });
  });

  describe('#delete', () => {
    it('leaves no timer with the last peer, and starts again with the next', () => {
      const peers = watch(3);
      for (const peer of peers) monitor.delete(peer);
      expect(clock.timers).toBe(0);
      expect(monitor.size).toBe(0);
      clock.advance(100_000);
      const [again] = watch();
      expect(clock.timers).toBe(1);
      clock.advance(POLICY.interval + 2 * TICK);
      expect(again!.pings).toHaveLength(1);
    });

    it('looks at nobody that was deleted, and at everybody else', () => {
      const peers = watch(100);
      const [gone, left] = [peers.filter((_, i) => i % 3 === 0), peers.filter((_, i) => i % 3 !== 0)];
      clock.advance(POLICY.interval / 2);
      for (const peer of gone) monitor.delete(peer);
      clock.advance(60_000);
      for (const { pings, expiries } of gone) expect([...pings, ...expiries]).toEqual([]);
      for (const { expiries } of left) expect(expiries).toHaveLength(1);
    });

    it('may be called for many while one expires', () => {
      const peers = watch(40);
      peers.forEach((peer, i) => {
        peer.onExpire = () => peers.slice(i, i + 10).forEach(other => monitor.delete(other));
      });
      clock.advance(120_000);
      expect(monitor.size).toBe(0);
      expect(peers.every(({ expiries }) => expiries.length <= 1)).toBe(true);
      expect(clock.timers).toBe(0);
    });

    it('does nothing for a stranger', () => {
      watch();
      monitor.delete(new Peer());
      expect(monitor.size).toBe(1);
      expect(clock.timers).toBe(1);
    });
  });

  describe('#stop', () => {
    it('leaves no timer, and may be called twice', () => {
      watch(3);
      monitor.stop();
      monitor.stop();
      expect(clock.timers).toBe(0);
    });
  });
});
