import { describe, expect, it, vi } from 'vitest';
import { ByteLedger } from '../../../lib/memory/byte-ledger.js';

describe('ByteLedger', () => {
  it('counts what is kept and given back', () => {
    const ledger = new ByteLedger(100);
    for (const bytes of [60, 0, 50, -100]) ledger.add(bytes);
    expect(ledger).toMatchObject({ used: 10, limit: 100, exceeded: false });
  });

  it('is exceeded above the limit, and not at it', () => {
    const ledger = new ByteLedger(100);
    ledger.add(100);
    expect(ledger.exceeded).toBe(false);
    ledger.add(1);
    expect(ledger.exceeded).toBe(true);
  });

  it('says so at each addition that ends above the limit, and at nothing else', () => {
    const exceeded = vi.fn<() => void>();
    const ledger = new ByteLedger(100);
    ledger.whenExceeded(exceeded);
    const calls = [100, 1, 5, 0, -1, -5, 1].map(bytes => {
      ledger.add(bytes);
      return exceeded.mock.calls.length;
    });
    expect(calls).toEqual([0, 1, 2, 2, 2, 2, 3]);
  });
});
