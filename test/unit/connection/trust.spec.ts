import { describe, expect, it } from 'vitest';
import type { Mark } from '../../../lib/connection/open-pings.js';
import { Trust } from '../../../lib/connection/trust.js';

const MARK: Mark = {
  token: 1,
  upTo: 0,
  bytes: 0,
  first: 0,
  timed: 0,
  begun: 0,
  since: 0,
  at: 0,
  isStale: false,
};

/** A line that has read 5,000 bytes in 10 ms. */
function trusted(): Trust {
  const trust = new Trust(2500);
  trust.answered({ ...MARK, bytes: 5000, timed: 5000 }, 10);
  return trust;
}

describe('Trust', () => {
  it('is eight times what the line has read in a moment', () => {
    expect(trusted().inFlight).toBe(8 * 5000);
  });

  it('takes what a line reads in 250 ms for read in a moment, when nothing was queued before the answer', () => {
    const trust = trusted();
    trust.answered({ ...MARK, bytes: 400_000, timed: 1000, since: 9999, at: 10_000 }, 10_010);
    expect(trust.inFlight).toBe(8 * 10_000);
  });

  it('takes no more for read in a moment than there was', () => {
    const trust = trusted();
    trust.answered({ ...MARK, bytes: 6000, timed: 1000, since: 99, at: 100 }, 110);
    expect(trust.inFlight).toBe(8 * 6000);
  });

  it('does not believe in a rate when something may have been queued', () => {
    const trust = trusted();
    trust.answered({ ...MARK, bytes: 400_000, timed: 1000, since: 9999, at: 10_000 }, 10_100);
    expect(trust.inFlight).toBe(8 * 5000);
  });
});
