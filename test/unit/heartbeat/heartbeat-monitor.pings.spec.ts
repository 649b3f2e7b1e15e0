import { beforeEach, describe, expect, it } from 'vitest';
import { Beat, Peer, POLICY, TICK } from '../../support/unit/beat.js';
import type { HandClock } from '../../support/unit/hand-clock.js';

let beat: Beat;
let clock: HandClock;

beforeEach(() => {
  beat = new Beat(POLICY);
  ({ clock } = beat);
});

describe('HeartbeatMonitor', () => {
  describe('a ping', () => {
    it('goes to a silent peer every interval, within a tick and without drift', () => {
      const peers = beat.watch(20);
      for (const peer of peers) peer.roundTrip = 0;
      clock.advance(POLICY.interval * 50);
      for (const { pings, periods, expiries } of peers) {
        expect(expiries).toEqual([]);
        expect(pings).toHaveLength(50);
        for (const period of periods) expect(Math.abs(period - POLICY.interval)).toBeLessThanOrEqual(TICK);
      }
    });

    it.each([1, 600, 3000, 9999, 12_000, 19_000])(
      'goes out every interval though pongs take %i ms',
      roundTrip => {
        const peers = beat.watch(10);
        for (const peer of peers) peer.roundTrip = roundTrip;
        clock.advance(POLICY.interval * 20);
        for (const { pings, periods, expiries } of peers) {
          expect(expiries).toEqual([]);
          expect(pings).toHaveLength(20);
          for (const period of periods) expect(Math.abs(period - POLICY.interval)).toBeLessThanOrEqual(TICK);
        }
      },
    );

    it('goes out every interval when the timer is late each time, by less than a stall', () => {
      const peer = beat.watchOne();
      peer.roundTrip = 40;
      beat.every(TICK + 13, POLICY.interval * 20, () => clock.stall(0));
      expect(peer.pings.length).toBeGreaterThanOrEqual(19);
      for (const period of peer.periods)
        expect(Math.abs(period - POLICY.interval)).toBeLessThanOrEqual(2 * TICK);
    });

    it('goes out every interval to a peer that answers none, until it is given up', () => {
      const peer = beat.watchOne();
      clock.advance(60_000);
      expect(peer.pings).toHaveLength(2);
      expect(Math.abs(peer.periods[0]! - POLICY.interval)).toBeLessThanOrEqual(TICK);
    });

    it('goes out an interval after the peer has last said something', () => {
      const peer = beat.watchOne();
      peer.roundTrip = 100;
      clock.advance(13_456);
      peer.speak();
      const heard = clock.time;
      const before = peer.pings.length;
      clock.advance(POLICY.interval - 1);
      expect(peer.pings).toHaveLength(before);
      clock.advance(TICK + 1);
      expect(peer.pings).toHaveLength(before + 1);
      expect(peer.pings[before]! - heard).toBeGreaterThanOrEqual(POLICY.interval);
    });

    it('never goes to a peer that says something', () => {
      const peer = beat.watchOne();
      beat.every(POLICY.interval - 2 * TICK, POLICY.interval * 50, () => peer.speak());
      expect(peer).toMatchObject({ pings: [], expiries: [] });
    });

    it('goes out every interval to a peer that sends pongs that nobody asked for', () => {
      const peer = beat.watchOne();
      beat.every(700, POLICY.interval * 20, () => peer.pong());
      expect(peer.expiries).toEqual([]);
      expect(peer.pings.length).toBeGreaterThanOrEqual(19);
      expect(peer.pings.length).toBeLessThanOrEqual(20);
    });

    it('never goes to a peer of which looks find something', () => {
      const peer = beat.watchOne();
      beat.every(POLICY.interval / 2, POLICY.interval * 50, () => (peer.unseen = true));
      expect(peer).toMatchObject({ pings: [], expiries: [] });
    });
  });

  describe('the first ping', () => {
    it('goes out at a random moment of the interval, since clients come back together', () => {
      const peers = beat.watch(1000);
      const counts: number[] = [];
      for (let i = 0; i < 32; i++) {
        const before = peers.filter(({ pings }) => pings.length > 0).length;
        clock.advance(POLICY.interval / 32);
        counts.push(peers.filter(({ pings }) => pings.length > 0).length - before);
      }
      expect(Math.max(...counts)).toBeLessThan(50);
      expect(Math.min(...counts)).toBeGreaterThan(15);
    });

    it('and all that follow stay spread, after a stall of the event loop too', () => {
      const peers = beat.watch(1000);
      for (const peer of peers) peer.roundTrip = 50;
      clock.advance(35_000);
      clock.stall(60_000);
      clock.advance(20_000);
      const counts = new Map<number, number>();
      for (const { pings } of peers) counts.set(pings.at(-1)!, (counts.get(pings.at(-1)!) ?? 0) + 1);
      expect(Math.max(...counts.values())).toBeLessThan(50);
    });

    it('is saved by what the peer says before', () => {
      clock.chance = 0.5;
      const peer = new Peer(clock);
      beat.monitor.add(peer, POLICY);
      clock.advance(4000);
      peer.speak();
      clock.advance(POLICY.interval - 1);
      expect(peer.pings).toEqual([]);
      clock.advance(TICK + 1);
      expect(peer.pings).toHaveLength(1);
    });
  });
});
