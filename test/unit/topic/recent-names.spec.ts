import { describe, expect, it } from 'vitest';
import { RecentNames } from '../../../lib/topic/recent-names.js';

describe('RecentNames', () => {
  it('keeps a name for the given time at least, and for less than three times that while others come', () => {
    const names = new RecentNames<number>(0);
    names.set('a', 1);
    const kept: number[] = [];
    for (let now = 0; now <= 400; now += 10) {
      names.turn(now, 100);
      if (names.get('a') !== undefined) kept.push(now);
      names.set(`other.${now}`, 2);
    }
    expect(kept.at(-1)).toBeGreaterThanOrEqual(100);
    expect(kept.at(-1)).toBeLessThan(300);
  });

  it('has no more than it may, and the newest half of that', () => {
    const names = new RecentNames<number>(0, 10);
    for (let i = 0; i < 1000; i++) {
      names.turn(0, 100);
      names.set(`${i}`, i);
      expect(names.size).toBeLessThanOrEqual(10);
      for (let j = Math.max(0, i - 4); j <= i; j++) expect(names.get(`${j}`)).toBe(j);
    }
  });

  it('gives back the newest value, once, whatever generation it was set in', () => {
    const names = new RecentNames<number>(0);
    names.set('a', 1);
    names.turn(100, 100);
    names.set('a', 2);
    expect([names.get('a'), names.size]).toEqual([2, 1]);
    names.delete('a');
    expect([names.get('a'), names.size]).toEqual([undefined, 0]);
  });

  it('begins no generation while it is empty', () => {
    const names = new RecentNames<number>(0);
    expect(names.turn(1000, 100)).toBe(false);
    names.set('a', 1);
    expect(names.turn(1099, 100)).toBe(false);
    expect(names.turn(1100, 100)).toBe(true);
  });
});
