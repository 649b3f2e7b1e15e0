import { beforeEach, describe, expect, it } from 'vitest';
import { Beat, expectFound, Peer, POLICY, TICK } from '../../support/unit/beat.js';
import type { HandClock } from '../../support/unit/hand-clock.js';

let beat: Beat;
let clock: HandClock;

beforeEach(() => {
  beat = new Beat(POLICY);
  ({ clock } = beat);
});

describe('HeartbeatMonitor', () => {
  describe('a dead peer', () => {
    it('is found within the timeout and a 32nd of the interval after its last byte', () => {
      const start = clock.time;
      const peers = beat.watch(200);
      clock.advance(60_000);
      for (const peer of peers) expectFound(peer, start);
      expect(beat.monitor.size).toBe(0);
    });

    it('is found so whenever it dies', () => {
      const peers = beat.watch(100);
      const died = peers.map((peer, i) => {
        peer.roundTrip = 40;
        clock.setTimeout(() => (peer.roundTrip = undefined), 20_000 + i * 137);
        return peer;
      });
      const seen = new Map<Peer, number>();
      for (const peer of died) peer.onExpire = () => seen.set(peer, peer.lastSeen);
      clock.advance(120_000);
      for (const peer of died) expectFound(peer, seen.get(peer)!);
    });

    it('is found so at every place of a tick, when the timer is late as well', () => {
      const start = clock.time;
      const peers = beat.watch(64);
      beat.every(TICK * 2 - 1, 60_000, () => clock.stall(0));
      for (const peer of peers) expectFound(peer, start);
    });

    it.each([
      { interval: 5000, timeout: 15_000 },
      { interval: 5000, timeout: 5001 },
      { interval: 10_000, timeout: 24_680 },
      { interval: 40, timeout: 120 },
      { interval: 1, timeout: 2 },
      { interval: 4_000_000, timeout: 9_000_000 },
    ])('is found so with an interval of $interval and a timeout of $timeout', policy => {
      beat = new Beat(policy);
      ({ clock } = beat);
      const start = clock.time;
      const peers = beat.watch(20, policy);
      clock.advance(policy.timeout + policy.interval);
      for (const peer of peers) expectFound(peer, start, policy);
    });

    it('is found within a second with an interval of hours', () => {
      const policy = { interval: 3_600_000, timeout: 7_200_000 };
      beat = new Beat(policy);
      ({ clock } = beat);
      const start = clock.time;
      const peers = beat.watch(20, policy);
      clock.advance(policy.timeout + 1000);
      for (const { expiries } of peers)
        expect(expiries[0]! - start).toBeLessThanOrEqual(policy.timeout + 1000);
    });

    it('is found with a timeout shorter than the interval', () => {
      const policy = { interval: 10_000, timeout: 4000 };
      const start = clock.time;
      const peers = beat.watch(20, policy);
      clock.advance(5000);
      for (const peer of peers) expectFound(peer, start, policy);
    });

    it('is found by the times of its own policy, when there are several', () => {
      const quick = { interval: 320, timeout: 1000 };
      const slow = { interval: 3_600_000, timeout: 7_200_000 };
      beat = new Beat(slow, quick);
      ({ clock } = beat);
      const start = clock.time;
      const a = beat.watchOne(quick);
      const b = beat.watchOne(slow);
      clock.advance(2000);
      expectFound(a, start, quick);
      expect(b).toMatchObject({ pings: [], expiries: [] });
      clock.advance(slow.timeout);
      expectFound(b, start, slow);
      expect(b.pings[0]! - start).toBeGreaterThanOrEqual(slow.interval - 1);
    });

    it('is found a tick late at most when its last byte was no whole frame', () => {
      const peer = beat.watchOne();
      peer.roundTrip = 0;
      clock.advance(25_000);
      peer.roundTrip = undefined;
      let last = 0;
      // The parts of a large message, until it dies.
      beat.every(70, 20_000, () => {
        peer.unseen = true;
        last = clock.time;
      });
      clock.advance(60_000);
      expect(peer.expiries).toHaveLength(1);
      expect(peer.expiries[0]! - last).toBeGreaterThan(POLICY.timeout);
      expect(peer.expiries[0]! - last).toBeLessThanOrEqual(POLICY.timeout + POLICY.interval / 32);
    });
  });

  describe('a stall of the event loop', () => {
    it('moves the deadline by its length: a peer that answers is not given up for it', () => {
      const [silent, answering] = beat.watch(2);
      answering!.roundTrip = 0;
      const start = clock.time;
      clock.advance(5000);
      clock.stall(60_000);
      expect([silent!.expiries, answering!.expiries]).toEqual([[], []]);
      clock.advance(120_000);
      expect(answering!.expiries).toEqual([]);
      expect(silent!.expiries[0]! - start).toBeGreaterThan(POLICY.timeout + 60_000 - 2 * TICK);
      expectFound(silent!, start, POLICY, 60_000);
    });

    it('moves it by all of them, when there are several', () => {
      const start = clock.time;
      const silent = beat.watchOne();
      for (let i = 0; i < 4; i++) {
        clock.advance(5000);
        clock.stall(20_000);
      }
      expect(silent.expiries).toEqual([]);
      clock.advance(60_000);
      expect(silent.expiries[0]! - start).toBeGreaterThan(POLICY.timeout + 80_000 - 8 * TICK);
      expectFound(silent, start, POLICY, 80_000);
    });

    it('moves it by a hundred and fifty in a row, of which not each is remembered', () => {
      const start = clock.time;
      const silent = beat.watchOne();
      // One tick of five is the timer's own.
      for (let i = 0; i < 150; i++) clock.stall(5 * TICK);
      expect(silent.expiries).toEqual([]);
      clock.advance(60_000);
      expect(silent.expiries[0]! - start).toBeGreaterThan(POLICY.timeout + 150 * 4 * TICK);
      expectFound(silent, start, POLICY, 150 * 4 * TICK);
    });

    it('puts off pings as well', () => {
      const peer = beat.watchOne();
      clock.advance(5000);
      clock.stall(60_000);
      clock.advance(2000);
      expect(peer.pings).toEqual([]);
      clock.advance(4000);
      expect(peer.pings).toHaveLength(1);
    });

    it('does not excuse a peer that was heard after it', () => {
      const peer = beat.watchOne();
      clock.advance(1000);
      clock.stall(60_000);
      peer.speak();
      const heard = clock.time;
      clock.advance(60_000);
      expectFound(peer, heard);
    });

    it('does not excuse a peer that was heard after it and before its end was noticed', () => {
      const peer = beat.watchOne();
      clock.advance(1000);
      clock.time += 60_000;
      peer.speak();
      const heard = clock.time;
      clock.stall(10);
      clock.advance(60_000);
      expectFound(peer, heard, POLICY, 10);
    });

    it('does not excuse a peer that came after it', () => {
      const [first] = beat.watch();
      first!.roundTrip = 0;
      clock.advance(1000);
      clock.time += 100_000;
      const start = clock.time;
      const late = beat.watchOne();
      clock.stall(0);
      clock.advance(POLICY.interval + 2 * TICK);
      expect(late.pings).toHaveLength(1);
      clock.advance(60_000);
      expectFound(late, start);
    });

    it('does not excuse a peer that came long after it', () => {
      const [first] = beat.watch();
      first!.roundTrip = 0;
      clock.advance(1000);
      clock.stall(100_000);
      clock.advance(400_000);
      const start = clock.time;
      const late = beat.watchOne();
      clock.advance(60_000);
      expectFound(late, start);
    });
  });
});
