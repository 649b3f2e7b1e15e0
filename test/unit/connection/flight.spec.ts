import { describe, expect, it } from 'vitest';
import { Flight } from '../../../lib/connection/flight.js';
import { flightTimeOf } from '../../../lib/connection/flight-time.js';

const KIB = 1024;
const TARGET = 2500;

const flight = ({ target = TARGET, answers = true } = {}): Flight => new Flight(target, answers, 8 * KIB, 0);

/** Writes bytes and a ping behind them, and returns its token. */
function sent(to: Flight, bytes: number, now: number, isBurst = true): number {
  to.wrote(bytes);
  return to.mark(now, isBurst);
}

/** A line that reads so many bytes a millisecond, given as much as may be under way, for some rounds. Returns its lags. */
function saturated(to: Flight, rate: number, rounds: number): number[] {
  const lags: number[] = [];
  let now = 0;
  sent(to, 1, now);
  for (let round = 0; round < rounds; round++) {
    const bytes = to.room(now);
    const token = sent(to, bytes, now);
    now += bytes / rate;
    // Something is always under way.
    to.wrote(1);
    to.acknowledge(token, now);
    lags.push(to.lag(now));
  }
  return lags;
}

describe('flightTimeOf', () => {
  it('is half of the lag, and without a limit for 0', () => {
    expect([flightTimeOf(5000), flightTimeOf(0)]).toEqual([2500, Infinity]);
  });
});

describe('Flight while the socket is not read', () => {
  it('has room for everything, because no answer comes, and has no longer lag for that', () => {
    const line = flight();
    sent(line, 64 * KIB, 0);
    expect(line.room(0)).toBeLessThan(0);
    line.stopReading();
    expect([line.room(0), line.untilMark, line.needsAnswer, line.lag(5000)]).toEqual([
      Infinity,
      Infinity,
      false,
      0,
    ]);
  });

  it('takes the answers to what was asked before, and learns nothing from when they come', () => {
    const line = flight();
    const before = sent(line, 64 * KIB, 0);
    line.stopReading();
    line.wrote(1000 * KIB);
    line.goOnReading();
    expect([line.room(9000) < 0, line.lag(9000)]).toEqual([true, 0]);
    expect(line.acknowledge(before, 9000)).toBe(true);
    expect([line.inFlight, line.lag(9000), line.rate]).toEqual([1000 * KIB, 0, Infinity]);
    line.acknowledge(line.mark(9000, false), 9100);
    expect([line.inFlight, line.lag(9100)]).toEqual([0, 100]);
  });

  it('goes on as before when it was read all the time', () => {
    const line = flight();
    sent(line, 10 * KIB, 0);
    line.goOnReading();
    expect(line.lag(700)).toBe(700);
  });
});

describe('Flight', () => {
  it('has room for 64 KiB while nothing is under way, and else a first window of 24 KiB', () => {
    const line = flight();
    expect(line.room(0)).toBe(64 * KIB);
    sent(line, 10 * KIB, 0);
    expect([line.room(0), line.inFlight]).toEqual([14 * KIB, 10 * KIB]);
  });

  it('has room for whole bytes, whatever the rate of the line: a message is cut to fit', () => {
    for (const rate of [1.7, 7.3, 33.3]) {
      const line = flight();
      saturated(line, rate, 8);
      const token = sent(line, 5000, 10_000);
      line.acknowledge(token, 10_000 + 5000 / rate);
      expect(line.room(20_000), `a line of ${rate}`).toSatisfy(Number.isInteger);
      expect(line.grant(20_000), `a line of ${rate}`).toSatisfy(Number.isInteger);
    }
  });

  it('gets its room back with the answer to the ping', () => {
    const line = flight();
    const token = sent(line, 10 * KIB, 0);
    expect(line.acknowledge(token, 10)).toBe(true);
    expect([line.inFlight, line.acknowledged]).toEqual([0, 10 * KIB]);
  });

  it('counts what was written behind a ping as under way when the ping is answered', () => {
    const line = flight();
    const token = sent(line, 1000, 0);
    line.wrote(500);
    line.acknowledge(token, 10);
    expect([line.inFlight, line.unmarked]).toEqual([500, 500]);
  });

  describe('takes as an answer', () => {
    it('one to a later ping for all before it, because a peer may answer the newest only', () => {
      const line = flight();
      const [first, second] = [sent(line, 1000, 0), sent(line, 1000, 1)];
      expect(line.acknowledge(second, 10)).toBe(true);
      expect([line.inFlight, line.isMarked]).toEqual([0, false]);
      expect(line.acknowledge(first, 11)).toBe(false);
    });

    it('each only once', () => {
      const line = flight();
      const token = sent(line, 1000, 0);
      sent(line, 1000, 0);
      expect([line.acknowledge(token, 5), line.acknowledge(token, 6)]).toEqual([true, false]);
      expect(line.inFlight).toBe(1000);
    });

    it('none that nobody asked for', () => {
      const line = flight();
      const token = sent(line, 1000, 0);
      expect(line.acknowledge((token + 1) >>> 0, 5)).toBe(false);
      expect([line.inFlight, line.lag(5)]).toEqual([1000, 5]);
    });
  });

  it('keeps a bounded number of unanswered pings, the oldest of which tells the lag', () => {
    const line = flight();
    const tokens = Array.from({ length: 1000 }, (_, i) => sent(line, 0, i));
    expect(line.lag(1000)).toBe(1000);
    expect(tokens.filter(token => line.acknowledge(token, 1000))).toHaveLength(374);
  });

  describe('the lag', () => {
    it('is what the last answer took', () => {
      const line = flight();
      line.acknowledge(sent(line, 100, 0), 40);
      expect(line.lag(1000)).toBe(40);
    });

    it('grows while the oldest answer is waited for', () => {
      const line = flight();
      line.acknowledge(sent(line, 100, 0), 40);
      sent(line, 100, 100);
      sent(line, 100, 200);
      expect([line.lag(120), line.lag(700)]).toEqual([40, 600]);
    });
  });

  describe('the rate', () => {
    it('is what the last answer has shown', () => {
      const line = flight();
      line.settle(8 * KIB);
      line.acknowledge(sent(line, 16 * KIB, 0), 1024);
      expect(line.rate).toBe(16);
      line.acknowledge(sent(line, 4 * KIB, 2000), 3024);
      expect(line.rate).toBe(4);
    });

    it('is not known from a few bytes, which a client that pauses may read late on any line', () => {
      const line = flight();
      line.settle(8 * KIB);
      line.acknowledge(sent(line, 4 * KIB - 1, 0), 3000);
      expect(line.rate).toBe(Infinity);
      line.acknowledge(sent(line, 16 * KIB, 4000), 5024);
      line.acknowledge(sent(line, KIB, 6000), 9000);
      expect(line.rate).toBe(16);
    });
  });

  describe('the window', () => {
    it.each([3.75, 12.5, 50, 250])(
      'comes to what a line of %d bytes a ms reads in half the time, or more',
      rate => {
        const lags = saturated(flight(), rate, 30).slice(5);
        expect(Math.max(...lags)).toBeLessThanOrEqual(TARGET);
        expect(Math.min(...lags)).toBeGreaterThanOrEqual(Math.min(TARGET / 2, (8 * KIB) / rate) * 0.9);
      },
    );

    it('shrinks at once when a line becomes slower', () => {
      const line = flight();
      saturated(line, 1000, 12);
      expect(line.room(0)).toBeGreaterThan(500 * KIB);
      const token = sent(line, 64 * KIB, 100_000);
      line.acknowledge(token, 100_000 + (64 * KIB) / 12.5);
      expect(line.room(200_000)).toBeCloseTo(12.5 * TARGET, -1);
      expect(line.inFlight).toBe(0);
    });

    it('does not grow for what trickles: it shows no more than that the line reads as much', () => {
      const line = flight();
      line.settle(16 * KIB);
      for (let now = 0; now < 100_000; now += 1000) {
        line.settle(line.grant(now) - 1000);
        line.acknowledge(line.mark(now + 1000, false), now + 1005);
      }
      // A thousand bytes a second show no more than 2500 in the target time.
      line.wrote(4 * KIB);
      expect(line.room(200_000)).toBe(20 * KIB);
    });

    it('is no larger than 64 KiB while an answer is late', () => {
      const line = flight();
      saturated(line, 1000, 12);
      line.acknowledge(sent(line, 1000, 50_000), 50_010);
      sent(line, 4 * KIB, 100_000);
      expect(line.room(100_100)).toBeGreaterThan(64 * KIB);
      expect(line.room(102_000)).toBe(60 * KIB);
    });

    it('is not bounded without a target', () => {
      const line = flight({ target: Infinity });
      sent(line, 1e9, 0);
      expect(line.room(0)).toBe(Infinity);
    });
  });

  describe('a grant', () => {
    it('is a quarter of the window while nothing is known, and never more than the room', () => {
      const line = flight();
      line.settle(8 * KIB);
      expect(line.grant(0)).toBe(6 * KIB);
      line.settle(6 * KIB);
      sent(line, 23 * KIB, 0);
      expect(line.grant(0)).toBe(KIB);
    });

    it('is four times what the line has read in a moment, and what it reads in one', () => {
      const fast = flight();
      fast.settle(8 * KIB);
      fast.acknowledge(sent(fast, 8 * KIB, 0), 1);
      expect(fast.grant(1)).toBe(32 * KIB);
      const slower = flight();
      slower.settle(8 * KIB);
      slower.acknowledge(sent(slower, 8 * KIB, 0), 100);
      expect(slower.grant(100)).toBe((8 * KIB * 250) / 100);
    });

    it('is whole bytes, where half of the room is not', () => {
      const line = flight();
      line.settle(8 * KIB);
      line.acknowledge(sent(line, 8 * KIB, 0), 1);
      line.wrote(9999);
      expect(line.grant(1)).toBe((64 * KIB - 9999 - 1) / 2);
    });

    it('is at most 512 KiB, however fast the line', () => {
      const line = flight();
      saturated(line, 100_000, 12);
      line.settle(0);
      expect(line.grant(100_000)).toBe(512 * KIB);
    });
  });

  it('takes bursts as read up to four times what the line has read in a moment, until the next answer', () => {
    const line = flight();
    line.settle(0);
    const burst = (bytes: number): boolean => {
      line.settle(0);
      line.wrote(bytes - line.unmarked);
      const isTaken = line.isCovered(0, 100);
      line.grant(100);
      return isTaken;
    };
    line.acknowledge(sent(line, 2 * KIB, 0), 100);
    line.grant(100);
    expect([burst(20 * KIB), line.inFlight, burst(20 * KIB), burst(KIB), line.inFlight > 0]).toEqual([
      true,
      20 * KIB,
      true,
      false,
      true,
    ]);
    line.acknowledge(line.mark(100, true), 101);
    line.grant(101);
    expect(burst(20 * KIB)).toBe(true);
  });

  describe('what trickles', () => {
    /** Spends the grants of a second each, at a rate in bytes a second. Returns the pings that were needed. */
    function trickle(line: Flight, bytes: number, seconds: number): number {
      let pings = 0;
      line.settle(0);
      for (let now = 0; now < seconds * 1000; now += 1000) {
        line.grant(now);
        line.settle(0);
        line.wrote(bytes - line.unmarked);
        if (line.isCovered(0, now + 1000)) continue;
        pings++;
        line.acknowledge(line.mark(now + 1000, false), now + 1002);
      }
      return pings;
    }

    it('no faster than a line has shown to read is taken as read, without a ping', () => {
      const line = flight();
      saturated(line, 100, 5);
      expect(trickle(line, 2000, 60)).toBe(0);
    });

    it('gets a ping for each 512 KiB', () => {
      const line = flight();
      saturated(line, 300, 12);
      // 52 seconds of 10,000 bytes are within 512 KiB.
      expect(trickle(line, 10_000, 530)).toBe(10);
    });
  });

  describe('of a client that has never answered', () => {
    it('is never taken as read', () => {
      const line = flight({ answers: false });
      line.settle(0);
      expect(line.isCovered(0, 1_000_000)).toBe(false);
    });

    it('cuts nothing: who knows no pings may know no fragments', () => {
      const line = flight({ answers: false });
      expect(line.cutAbove).toBe(Infinity);
      line.acknowledge(sent(line, 100, 0), 1);
      expect(line.cutAbove).toBeLessThanOrEqual(24 * KIB);
    });

    it('is bounded by nothing when it was waited for, until it answers', () => {
      const line = flight({ answers: false });
      const token = sent(line, 24 * KIB, 0);
      expect(line.room(1000)).toBe(0);
      line.giveUpWaiting();
      expect([line.room(1000), line.untilMark]).toEqual([Infinity, Infinity]);
      line.acknowledge(token, 2000);
      expect([line.room(2000), line.answers]).toEqual([24 * KIB, true]);
    });
  });
});
