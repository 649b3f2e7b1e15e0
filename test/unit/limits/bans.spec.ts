import { describe, expect, it } from 'vitest';
import { Bans } from '../../../lib/limits/bans.js';

function start(time: number) {
  const clock = { now: 5000 };
  return { clock, bans: new Bans(time, () => clock.now) };
}

describe('Bans', () => {
  it('last for their time, counted from the last', () => {
    const { clock, bans } = start(1000);
    expect(bans.left('1.1.1.1')).toBe(0);
    bans.add('1.1.1.1');
    clock.now += 400;
    expect(bans.left('1.1.1.1')).toBe(600);
    bans.add('1.1.1.1');
    expect(bans.left('1.1.1.1')).toBe(1000);
    clock.now += 1000;
    expect(bans.left('1.1.1.1')).toBe(0);
  });

  it('are of an IPv4 address, or of the network of an IPv6 one', () => {
    const { bans } = start(1000);
    bans.add('1.1.1.1');
    bans.add('2001:db8::1');
    expect(bans.left('1.1.1.2')).toBe(0);
    expect(bans.left('2001:db8::ffff:2')).toBe(1000);
    expect(bans.left('2001:db8:0:1::1')).toBe(0);
  });

  it('are not given without a time', () => {
    const { bans } = start(0);
    bans.add('1.1.1.1');
    expect([bans.left('1.1.1.1'), bans.size]).toEqual([0, 0]);
  });

  it('are forgotten when they are over', () => {
    const { clock, bans } = start(1000);
    for (let n = 0; n < 500; n++) bans.add(`10.0.${n >> 8}.${n & 255}`);
    expect(bans.size).toBe(500);
    clock.now += 1000;
    for (let n = 0; n < 500; n++) bans.add(`10.1.0.${n & 7}`);
    expect(bans.size).toBe(8);
  });

  it('are bounded: the oldest make room', () => {
    const { bans } = start(1000);
    const address = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    for (let n = 0; n < 70_000; n++) bans.add(address(n));
    expect(Math.abs(bans.size - 65_536)).toBeLessThan(10);
    expect([bans.left(address(0)), bans.left(address(69_999))]).toEqual([0, 1000]);
  });
});
