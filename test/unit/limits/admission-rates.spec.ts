import { describe, expect, it } from 'vitest';
import { AdmissionRates } from '../../../lib/limits/admission-rates.js';

function rates(connectionsPerSecond: number, connectionsPerSecondPerIp: number) {
  const clock = { now: 1000 };
  const all = new AdmissionRates({ connectionsPerSecond, connectionsPerSecondPerIp }, () => clock.now);
  /** How many of so many arrivals are let in. */
  const arrive = (count: number, ip = '1.1.1.1'): number => {
    let admitted = 0;
    for (let i = 0; i < count; i++) {
      if (all.exceededBy(ip) !== undefined) continue;
      all.count(ip);
      admitted++;
    }
    return admitted;
  };
  return { all, clock, arrive };
}

describe('AdmissionRates', () => {
  it.each([1, 3, 7, 100, 997])('lets in twice %i a second at once, then that many a second', rate => {
    const { all, clock, arrive } = rates(rate, 0);
    expect(arrive(10 * rate)).toBe(2 * rate);
    expect(all.exceededBy('9.9.9.9')).toBe('connection-rate');
    for (let second = 0; second < 5; second++) {
      clock.now += 1000;
      expect(arrive(10 * rate)).toBe(rate);
    }
    clock.now += 60_000;
    expect(arrive(10 * rate)).toBe(2 * rate);
  });

  it('counts each client address by itself', () => {
    const { all, arrive } = rates(0, 5);
    expect(arrive(100, '1.1.1.1')).toBe(10);
    expect(all.exceededBy('1.1.1.1')).toBe('connection-rate-per-ip');
    expect(arrive(100, '1.1.1.2')).toBe(10);
    expect(arrive(6, '2001:db8::1') + arrive(100, '2001:db8::2')).toBe(10);
  });

  it('takes nothing of the rate of all for who goes over its own', () => {
    const { arrive } = rates(10, 2);
    expect(arrive(1000, '6.6.6.6')).toBe(4);
    expect(arrive(4, '1.1.1.1') + arrive(4, '2.2.2.2') + arrive(4, '3.3.3.3') + arrive(4, '4.4.4.4')).toBe(
      16,
    );
    expect(arrive(1, '5.5.5.5')).toBe(0);
  });

  it('forgets addresses whose bucket is full again', () => {
    const { all, clock, arrive } = rates(0, 10);
    // One that goes on, and has to be passed by.
    arrive(20, '1.1.1.1');
    for (let n = 1; n < 1000; n++) arrive(1, `10.0.${n >> 8}.${n & 255}`);
    expect(all.addresses).toBe(1000);
    for (let n = 0; n < 1000; n++) {
      clock.now += 100;
      arrive(1, '1.1.1.1');
    }
    expect(all.addresses).toBe(1);
  });

  it('remembers a bounded number of addresses, and those of late', () => {
    const { all, arrive } = rates(0, 1);
    const many = 100_000;
    for (let n = 0; n < many; n++)
      arrive(2, `2001:db8:${(n >> 16).toString(16)}:${(n & 65_535).toString(16)}::1`);
    expect(Math.abs(all.addresses - 65_536)).toBeLessThan(10);
    const last = many - 1;
    expect(all.exceededBy(`2001:db8:${(last >> 16).toString(16)}:${(last & 65_535).toString(16)}::1`)).toBe(
      'connection-rate-per-ip',
    );
  });

  it('remembers nothing without a limit', () => {
    const { all, arrive } = rates(0, 0);
    expect(arrive(1000)).toBe(1000);
    expect(all.addresses).toBe(0);
  });
});
