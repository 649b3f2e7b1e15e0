import { describe, expect, it } from 'vitest';
import { UnreadyBytes } from '../../../lib/limits/unready-bytes.js';

describe('UnreadyBytes', () => {
  it('lets anybody have what there is room for', () => {
    const unready = new UnreadyBytes(100);
    expect(unready.fits(0, 100)).toBe(true);
    expect(unready.fits(0, 101)).toBe(false);
    unready.add(0, 60);
    expect([unready.fits(60, 40), unready.fits(60, 41)]).toEqual([true, false]);
  });

  it('leaves a newcomer its share when others have taken everything, and them no more', () => {
    const unready = new UnreadyBytes(100);
    unready.add(0, 60);
    unready.add(0, 40);
    expect([unready.fits(0, 33), unready.fits(0, 34)]).toEqual([true, false]);
    expect([unready.fits(60, 1), unready.fits(40, 11), unready.fits(40, 10)]).toEqual([false, false, true]);
  });

  it('has all its room again when everything was given back', () => {
    const unready = new UnreadyBytes(100);
    unready.add(0, 0);
    unready.add(0, 60);
    unready.add(60, 20);
    unready.add(0, 40);
    unready.give(80);
    unready.give(40);
    unready.give(0);
    expect(unready.used).toBe(0);
    expect([unready.fits(0, 100), unready.fits(0, 101)]).toEqual([true, false]);
  });

  it('keeps what was left behind in half of the room', () => {
    const unready = new UnreadyBytes(100);
    unready.add(0, 30);
    expect([unready.fitsBehind(20), unready.fitsBehind(21)]).toEqual([true, false]);
  });

  it('of 0 lets nobody have anything', () => {
    expect(new UnreadyBytes(0).fits(0, 1)).toBe(false);
  });
});
