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
  it('needs one timer for a thousand peers, which keeps no process alive', () => {
    beat.watch(1000);
    expect(clock.timers).toBe(1);
    expect(clock.unreffed.size).toBe(1);
    clock.advance(60_000);
    expect(clock.timers).toBeLessThanOrEqual(1);
  });

  describe('a look', () => {
    it('comes once an interval while nothing happens', () => {
      const peer = beat.watchOne();
      peer.roundTrip = 10;
      clock.advance(POLICY.interval * 20);
      expect(peer.looks.length).toBeLessThanOrEqual(21);
    });

    it('comes every tick while bytes come or go, and no more when they stop', () => {
      const peer = beat.watchOne();
      peer.roundTrip = 10;
      clock.advance(POLICY.interval);
      const before = peer.looks.length;
      beat.every(TICK / 2, 2000, () => (peer.unseen = true));
      expect(peer.looks.length - before).toBeGreaterThan(9);
      const during = peer.looks.length;
      clock.advance(POLICY.interval - 2000);
      expect(peer.looks.length - during).toBeLessThanOrEqual(2);
    });
  });

  describe('#isExpired', () => {
    it('says whether a watched peer is past its timeout, as the next look will find', () => {
      const peer = beat.watchOne();
      clock.advance(POLICY.timeout);
      expect(beat.monitor.isExpired(peer)).toBe(false);
      clock.time += 1;
      expect(beat.monitor.isExpired(peer)).toBe(true);
      clock.advance(TICK);
      expect(peer.expiries).toHaveLength(1);
      expect(beat.monitor.isExpired(peer)).toBe(false);
      expect(beat.monitor.isExpired(new Peer(clock))).toBe(false);
    });

    it('finds what no event has told of', () => {
      const peer = beat.watchOne();
      clock.advance(POLICY.timeout);
      clock.time += 1;
      peer.unseen = true;
      expect(beat.monitor.isExpired(peer)).toBe(false);
      clock.advance(TICK);
      expect(peer.expiries).toEqual([]);
    });

    it('does not hold a stall against it that no tick has noticed yet', () => {
      const peer = beat.watchOne();
      clock.advance(1000);
      clock.time += 60_000;
      expect(beat.monitor.isExpired(peer)).toBe(false);
      clock.stall(0);
      expect(peer.expiries).toEqual([]);
      expect(beat.monitor.isExpired(peer)).toBe(false);
    });

    it('looks no closer at a peer that was heard lately', () => {
      const peer = beat.watchOne();
      expect(beat.monitor.isExpired(peer)).toBe(false);
      expect(peer.looks).toEqual([]);
    });
  });

  describe('#add', () => {
    it('may be called for many while one expires', () => {
      const first = beat.watchOne();
      const start = clock.time;
      let more: Peer[] = [];
      first.onExpire = () => (more = beat.watch(30));
      clock.advance(POLICY.timeout + 2 * TICK);
      const began = first.expiries[0]!;
      expectFound(first, start);
      expect(beat.monitor.size).toBe(30);
      clock.advance(60_000);
      for (const peer of more) expectFound(peer, began);
      expect(beat.monitor.size).toBe(0);
    });
  });

  describe('#delete', () => {
    it('leaves no timer with the last peer, and starts again with the next', () => {
      const peers = beat.watch(3);
      for (const peer of peers) beat.monitor.delete(peer);
      expect(clock.timers).toBe(0);
      expect(beat.monitor.size).toBe(0);
      clock.advance(100_000);
      const again = beat.watchOne();
      expect(clock.timers).toBe(1);
      clock.advance(POLICY.interval + TICK);
      expect(again.pings).toHaveLength(1);
    });

    it('looks at nobody that was deleted, and at everybody else', () => {
      const peers = beat.watch(100);
      const [gone, left] = [peers.filter((_, i) => i % 3 === 0), peers.filter((_, i) => i % 3 !== 0)];
      clock.advance(POLICY.interval / 2);
      for (const peer of gone) beat.monitor.delete(peer);
      const looks = gone.map(peer => peer.looks.length);
      clock.advance(60_000);
      expect(gone.map(peer => peer.looks.length)).toEqual(looks);
      for (const { expiries } of gone) expect(expiries).toEqual([]);
      for (const { expiries } of left) expect(expiries).toHaveLength(1);
    });

    it('may be called for many while one expires', () => {
      const peers = beat.watch(40);
      peers.forEach((peer, i) => {
        peer.onExpire = () => peers.slice(i, i + 10).forEach(other => beat.monitor.delete(other));
      });
      clock.advance(120_000);
      expect(beat.monitor.size).toBe(0);
      expect(peers.every(({ expiries }) => expiries.length <= 1)).toBe(true);
      expect(clock.timers).toBe(0);
    });

    it('does nothing for a stranger', () => {
      beat.watch();
      beat.monitor.delete(new Peer(clock));
      expect(beat.monitor.size).toBe(1);
      expect(clock.timers).toBe(1);
    });
  });

  describe('#stop', () => {
    it('leaves no timer, and may be called twice', () => {
      beat.watch(3);
      beat.monitor.stop();
      beat.monitor.stop();
      expect(clock.timers).toBe(0);
    });
  });
});
