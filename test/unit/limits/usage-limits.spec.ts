import { describe, expect, it } from 'vitest';
import { type Usage, UsageLimits } from '../../../lib/limits/usage-limits.js';
import type { LimitOptions } from '../../../lib/options/fanout-options.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';

const OFF: LimitOptions = {
  messagesPerSecond: 0,
  bytesPerSecond: 0,
  subscribesPerSecond: 0,
  pingsPerSecond: 0,
  rejections: 0,
};

function setup(limits: LimitOptions) {
  const clock = { now: 1_000_000.5 };
  const usage: Usage = { usedAt: 0, messages: 0, bytes: 0, subscribes: 0, conduct: undefined };
  const all = new UsageLimits(resolveOptions({ limits: { ...OFF, ...limits } }), () => clock.now);
  const message = (bytes = 1): string | undefined => all.exceededLimit(usage, bytes, clock.now);
  return { clock, usage, all, message };
}

/** How many of many tries pass. */
const passing = (tries: number, passes: () => boolean): number =>
  Array.from({ length: tries }, passes).filter(Boolean).length;

describe('UsageLimits', () => {
  it('limits messages by burst and rate', () => {
    const { clock, message } = setup({ messagesPerSecond: 10, burst: 5 });
    expect(Array.from({ length: 6 }, () => message())).toEqual([...Array(5).fill(undefined), 'message-rate']);
    clock.now += 100;
    expect([message(), message()]).toEqual([undefined, 'message-rate']);
  });

  it('limits bytes by twice the rate, or twice the largest message', () => {
    const { clock, message } = setup({ bytesPerSecond: 1000, payload: 100 });
    expect([message(1500), message(500), message(1)]).toEqual([undefined, undefined, 'byte-rate']);
    clock.now += 10;
    expect([message(10), message(1)]).toEqual([undefined, 'byte-rate']);
    const small = setup({ bytesPerSecond: 10, payload: 500 });
    expect([small.message(500), small.message(500), small.message(1)]).toEqual([
      undefined,
      undefined,
      'byte-rate',
    ]);
  });

  it('never refuses for ever what a gateway of its own maxPayload lets through', () => {
    const { clock, message } = setup({ bytesPerSecond: 1000, payload: 100 });
    expect(message(50_000)).toBeUndefined();
    clock.now += 49_000;
    expect(message(50_000)).toBe('byte-rate');
    clock.now += 1100;
    expect(message(50_000)).toBeUndefined();
  });

  it('limits topics by twice the rate, or twice those of a connection', () => {
    const { clock, usage, all } = setup({ subscribesPerSecond: 10, topicsPerConnection: 128 });
    expect([all.mayAsk(usage, 128), all.mayAsk(usage, 128), all.mayAsk(usage, 1)]).toEqual([
      true,
      true,
      false,
    ]);
    clock.now += 1000;
    expect([all.mayAsk(usage, 11), all.mayAsk(usage, 10)]).toEqual([false, true]);
  });

  it('counts messages, bytes and topics by themselves, though they share the time', () => {
    const { clock, usage, all, message } = setup({
      messagesPerSecond: 10,
      burst: 1,
      bytesPerSecond: 1000,
      payload: 1,
      subscribesPerSecond: 1,
      topicsPerConnection: 1,
    });
    expect(message(2000)).toBeUndefined();
    expect(all.mayAsk(usage, 2)).toBe(true);
    clock.now += 100;
    expect(message(101)).toBe('byte-rate');
    clock.now += 100;
    expect(message(200)).toBeUndefined();
    expect(all.mayAsk(usage, 1)).toBe(false);
    clock.now += 800;
    expect(all.mayAsk(usage, 1)).toBe(true);
  });

  it('limits pings to twice the rate at once, and takes pongs for fiftieths of them', () => {
    const { clock, usage, all } = setup({ pingsPerSecond: 10 });
    expect(passing(100, () => all.mayPing(usage))).toBe(20);
    clock.now += 100;
    expect(passing(100, () => all.mayPing(usage))).toBe(1);
    clock.now += 10_000;
    expect(passing(5000, () => all.mayPong(usage))).toBe(1000);
    expect(all.mayPing(usage)).toBe(false);
  });

  it('lets so many refused messages pass at once, and as many a minute', () => {
    const { clock, usage, all } = setup({ rejections: 60 });
    expect(passing(100, () => all.mayOffend(usage))).toBe(60);
    clock.now += 1000;
    expect(passing(100, () => all.mayOffend(usage))).toBe(1);
    clock.now += 60_000;
    expect(passing(100, () => all.mayOffend(usage))).toBe(60);
  });

  it('limits nothing of what is 0', () => {
    const { usage, all, message } = setup({});
    expect(passing(10_000, () => message(1e9) === undefined)).toBe(10_000);
    for (const may of ['mayPing', 'mayPong', 'mayOffend'] as const)
      expect(passing(10_000, () => all[may](usage))).toBe(10_000);
    expect(passing(10_000, () => all.mayAsk(usage, 128))).toBe(10_000);
  });

  it('notes nothing of a client that only sends messages but numbers that V8 keeps in place', () => {
    const { clock, usage, message } = setup({ ...resolveOptions({}).limits });
    for (let i = 0; i < 50; i++) {
      clock.now += 13.7;
      message(777);
    }
    const { conduct, ...numbers } = usage;
    expect(conduct).toBeUndefined();
    for (const number of Object.values(numbers)) {
      expect(Number.isInteger(number)).toBe(true);
      expect(number).toBeLessThan(2 ** 31);
    }
  });

  it('notes when a message came, also when nothing is limited or it is refused', () => {
    for (const limits of [OFF, { messagesPerSecond: 1, burst: 1 }]) {
      const { clock, usage, message } = setup(limits);
      message();
      clock.now += 42;
      message();
      expect(usage.usedAt).toBe(42);
    }
  });
});
