import { describe, expect, it } from 'vitest';
import {
  DEFAULT_LAG,
  FirstGrants,
  firstRoom,
  firstWindow,
  UNBOUNDED,
} from '../../../lib/connection/first-grants.js';
import { flightTimeOf } from '../../../lib/connection/flight-time.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';

const KIB = 1024;
const USUAL = flightTimeOf(DEFAULT_LAG);

const grants = (flightTime: number, count: number): number[] => {
  const first = new FirstGrants(flightTime);
  return Array.from({ length: count }, () => first.next());
};

describe('the first bytes to a client', () => {
  it('are measured against the default of slowConsumer.lag', () => {
    expect(resolveOptions({}).slowConsumer.lag).toBe(DEFAULT_LAG);
  });

  it('differ before the first ping, from 12 to 16 KiB, and then begin anew', () => {
    const nine = Array.from({ length: 9 }, (_, i) => 12 * KIB + i * 512);
    expect(grants(USUAL, 10)).toEqual([...nine, 12 * KIB]);
  });

  it('are fewer for a shorter limit, and 2 KiB at least', () => {
    expect(grants(USUAL / 2, 2)).toEqual([6 * KIB, 6 * KIB + 256]);
    expect(grants(1, 1)).toEqual([2 * KIB]);
    expect([USUAL, 2 * USUAL, USUAL * 0.9, 1].map(firstWindow)).toEqual([
      24 * KIB,
      24 * KIB,
      Math.floor(24 * KIB * 0.9),
      16 * KIB,
    ]);
  });

  it('are a whole batch while little is under way, and then what is left of the window', () => {
    expect([0, 2 * KIB - 1, 2 * KIB, 25 * KIB].map(spent => firstRoom(spent, USUAL))).toEqual([
      Infinity,
      Infinity,
      22 * KIB,
      -KIB,
    ]);
  });

  it('have no bound without a limit', () => {
    expect(grants(Infinity, 2)).toEqual([UNBOUNDED, UNBOUNDED]);
  });
});
