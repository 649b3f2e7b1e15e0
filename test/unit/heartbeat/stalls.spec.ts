import { describe, expect, it } from 'vitest';
import { Stalls } from '../../../lib/heartbeat/stalls.js';

describe('Stalls', () => {
  it('counts those after a moment, and the rest of the one it falls in', () => {
    const stalls = new Stalls();
    stalls.note(100, 10, 1000);
    stalls.note(200, 20, 1000);
    expect([0, 90, 95, 100, 150, 180, 190, 199, 200, 300].map(moment => stalls.since(moment))).toEqual([
      30, 30, 25, 20, 20, 20, 10, 1, 0, 0,
    ]);
  });

  it('forgets one when all silence that it can be part of has lasted too long', () => {
    const stalls = new Stalls();
    stalls.note(100, 10, 50);
    stalls.note(165, 5, 50);
    expect(stalls.since(0)).toBe(5);
    stalls.note(170, 100, 50);
    // What lasted 50 of its own may have begun before all three.
    stalls.note(250, 10, 50);
    expect(stalls.since(0)).toBe(115);
  });

  it('remembers few of those that follow each other for hours, the last ones exactly', () => {
    const stalls = new Stalls();
    for (let at = 10; at <= 100_000; at += 10) stalls.note(at, 4, 3_600_000);
    expect(stalls.size).toBeLessThanOrEqual(64);
    expect(stalls.since(0)).toBe(40_000);
    for (const ago of [10, 20, 50]) expect(stalls.since(100_000 - ago)).toBe((ago / 10) * 4);
    for (const ago of [500, 5000, 20_000, 50_000, 90_000]) {
      expect(Math.abs(stalls.since(100_000 - ago) - ago * 0.4)).toBeLessThan(ago * 0.1);
    }
  });
});
