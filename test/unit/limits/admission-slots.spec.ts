import { describe, expect, it } from 'vitest';
import { AdmissionSlots } from '../../../lib/limits/admission-slots.js';

const slots = (connections: number, connectionsPerIp = 0): AdmissionSlots =>
  new AdmissionSlots({ connections, connectionsPerIp });

describe('AdmissionSlots', () => {
  it('is full with limits.connections, and not when one is given back', () => {
    const all = slots(2);
    for (const ip of ['1.1.1.1', '2.2.2.2']) {
      expect(all.full).toBe(false);
      all.take(ip);
    }
    expect(all.full).toBe(true);
    all.give('1.1.1.1');
    expect([all.full, all.size]).toEqual([false, 1]);
  });

  it('counts an IPv4 address, and an IPv6 network of 64 bits, as one', () => {
    const all = slots(100, 2);
    for (const ip of ['1.1.1.1', '1.1.1.1', '2001:db8::1', '2001:db8::ffff:1']) all.take(ip);
    expect(all.fullFor('1.1.1.1')).toBe(true);
    expect(all.fullFor('1.1.1.2')).toBe(false);
    expect(all.fullFor('2001:db8:0:0:9::')).toBe(true);
    expect(all.fullFor('2001:db8:0:1::1')).toBe(false);
    all.give('2001:db8::1');
    expect(all.fullFor('2001:db8::2')).toBe(false);
  });

  it('remembers no address that has none, and none at all without a limit', () => {
    const [limited, free] = [slots(100, 2), slots(100)];
    for (const all of [limited, free]) all.take('1.1.1.1');
    expect([limited.groups, free.groups]).toEqual([1, 0]);
    for (const all of [limited, free]) all.give('1.1.1.1');
    expect([limited.groups, limited.size, free.groups, free.size]).toEqual([0, 0, 0, 0]);
    expect(free.fullFor('1.1.1.1')).toBe(false);
  });
});
