import { describe, expect, it } from 'vitest';
import { LoadMonitor } from '../../../lib/observe/load-monitor.js';
import { HandClock } from '../../support/unit/hand-clock.js';

const MINUTE = 60_000;

function setup({ loopDelay = 500, heap = 0.9 } = {}) {
  const clock = new HandClock();
  const lines: string[] = [];
  const probe = {
    now: clock.now,
    setInterval: clock.setInterval,
    clearInterval: clock.clearInterval,
    share: 0.5,
    looks: 0,
    heapShare() {
      this.looks++;
      return this.share;
    },
  };
  const log = { warn: (line: string) => lines.push(`warn ${line}`), log: (line: string) => lines.push(line) };
  const monitor = new LoadMonitor(probe, { loopDelay, heap }, log);
  monitor.start();
  return {
    clock,
    probe,
    lines,
    monitor,
    /** Loop turns of this many milliseconds each, one after the other. */
    turns(ms: number, count: number) {
      for (let i = 0; i < count; i++) clock.stall(ms);
      return monitor.overload;
    },
    /** Time without load, until there is no overload. */
    recover() {
      const from = clock.time;
      while (monitor.overload !== undefined) clock.advance(100);
      return clock.time - from;
    },
  };
}

describe('the loop delay', () => {
  it('is high within two seconds when turns take twice as long as they may', () => {
    const { monitor, turns } = setup();
    expect(monitor.overload).toBeUndefined();
    expect(turns(1000, 2)).toBe('loop-delay');
  });

  it('is not high in turns that take less than it may, however many', () => {
    const { turns } = setup();
    expect(turns(550, 1000)).toBeUndefined();
    expect(turns(100, 1000)).toBeUndefined();
  });

  it('follows the watermark that was set', () => {
    expect(setup({ loopDelay: 50 }).turns(250, 3)).toBe('loop-delay');
    expect(setup({ loopDelay: 200 }).turns(250, 1000)).toBeUndefined();
  });

  it.each([600, 2000, 30_000, 24 * 60 * MINUTE])(
    'is not high for one late tick of %i ms: a collection, a debugger, a sleep',
    ms => {
      const { clock, monitor, lines } = setup();
      clock.advance(5000);
      clock.stall(ms);
      expect(monitor.overload).toBeUndefined();
      for (let i = 0; i < 100; i++) {
        clock.advance(100);
        expect(monitor.overload).toBeUndefined();
      }
      clock.advance(MINUTE);
      expect(lines).toEqual([]);
    },
  );

  it('is high for two late ticks that are close together, and for less than two seconds after the last', () => {
    const { clock, monitor, recover } = setup();
    clock.stall(MINUTE);
    clock.advance(300);
    clock.stall(MINUTE);
    expect(monitor.overload).toBe('loop-delay');
    expect(recover()).toBeLessThan(2000);
  });

  it('is forgotten within two seconds, however long it was and however late the loop', () => {
    const { turns, recover } = setup();
    expect(turns(MINUTE, 60)).toBe('loop-delay');
    expect(recover()).toBeLessThan(2000);
  });

  it('stays high until it is half of the watermark', () => {
    const { turns, recover } = setup();
    expect(turns(1500, 10)).toBe('loop-delay');
    // 300 ms late: neither above 500 nor below 250.
    expect(turns(400, 1000)).toBe('loop-delay');
    expect(recover()).toBeLessThan(1000);
    expect(turns(400, 1000)).toBeUndefined();
  });
});

describe('the heap', () => {
  it('is high when two looks, a second apart, are above the watermark', () => {
    const { clock, probe, monitor } = setup();
    probe.share = 0.91;
    clock.advance(1000);
    expect(monitor.overload).toBeUndefined();
    clock.advance(1000);
    expect(monitor.overload).toBe('heap');
  });

  it('is not high at the peaks of a sawtooth', () => {
    const { clock, probe, monitor } = setup();
    for (let i = 0; i < 100; i++) {
      probe.share = i % 2 ? 0.99 : 0.85;
      clock.advance(1000);
      expect(monitor.overload).toBeUndefined();
    }
  });

  it('stays high until a look is below 0.9 of the watermark', () => {
    const { clock, probe, monitor } = setup();
    probe.share = 0.95;
    clock.advance(2000);
    // A collection now and then: this much is live.
    for (let i = 0; i < 100; i++) {
      probe.share = i % 5 ? 0.83 : 0.82;
      clock.advance(1000);
      expect(monitor.overload).toBe('heap');
    }
    probe.share = 0.8;
    clock.advance(1000);
    expect(monitor.overload).toBeUndefined();
  });

  it('is believed to be full for ten looks when nothing is collected, and then until it has grown', () => {
    const { clock, probe, monitor } = setup();
    probe.share = 0.95;
    clock.advance(11_000);
    expect(monitor.overload).toBe('heap');
    clock.advance(1000);
    expect(monitor.overload).toBeUndefined();
    probe.share = 0.965;
    clock.advance(MINUTE);
    expect(monitor.overload).toBeUndefined();
    probe.share = 0.975;
    clock.advance(2000);
    expect(monitor.overload).toBe('heap');
  });

  it('is believed again when a collection has shown what is live', () => {
    const { clock, probe, monitor } = setup();
    probe.share = 0.95;
    clock.advance(MINUTE);
    expect(monitor.overload).toBeUndefined();
    probe.share = 0.92;
    clock.advance(2000);
    expect(monitor.overload).toBe('heap');
  });

  it('is looked at each second, however late the loop is', () => {
    const { clock, probe } = setup();
    clock.advance(MINUTE);
    expect(probe.looks).toBe(60);
    clock.stall(MINUTE);
    expect(probe.looks).toBe(61);
  });
});

describe('a load monitor', () => {
  it('names the loop first, because a full heap makes it late', () => {
    const { clock, probe, monitor, turns } = setup();
    probe.share = 1;
    clock.advance(2000);
    expect(turns(1500, 3)).toBe('loop-delay');
    clock.advance(5000);
    expect(monitor.overload).toBe('heap');
  });

  it('has one timer, which keeps no process alive, and none after stop', () => {
    const { clock, monitor, turns } = setup();
    monitor.start();
    expect(clock.timers).toBe(1);
    expect(clock.unreffed.size).toBe(1);
    turns(1500, 3);
    monitor.stop();
    expect(clock.timers).toBe(0);
    expect(monitor.overload).toBeUndefined();
    monitor.stop();
  });

  it('has no timer when both limits are 0', () => {
    const { clock } = setup({ loopDelay: 0, heap: 0 });
    expect(clock.timers).toBe(0);
  });

  it('wakes up each second when only the heap has a limit, and is not late then', () => {
    const { clock, probe, turns } = setup({ loopDelay: 0 });
    expect(clock.nextIn).toBe(1000);
    expect(turns(5000, 20)).toBeUndefined();
    probe.share = 0.95;
    clock.advance(2000);
    expect(turns(5000, 5)).toBe('heap');
  });

  it('does not look at the heap when that has no limit', () => {
    const { clock, probe, monitor } = setup({ heap: 0 });
    probe.share = 1;
    clock.advance(MINUTE);
    expect(monitor.overload).toBeUndefined();
    expect(probe.looks).toBe(0);
  });

  it('tells once that it begins and once that it is over, also on the edge where it comes and goes', () => {
    const { clock, lines, turns, recover } = setup();
    for (let i = 0; i < 20; i++) {
      turns(1500, 3);
      recover();
    }
    expect(lines).toEqual([
      'warn the event loop is more than 500 ms late (limits.loopDelay): new connections and subscriptions are refused',
    ]);
    const seconds = Math.round(clock.time / 1000);
    clock.advance(MINUTE);
    expect(lines).toHaveLength(2);
    const told = /^new connections and subscriptions are let in again, after (\d+) s of overload$/.exec(
      lines[1]!,
    );
    expect(Number(told?.[1])).toBeGreaterThan(seconds - 5);
    expect(Number(told?.[1])).toBeLessThanOrEqual(seconds);
    turns(1500, 3);
    expect(lines).toHaveLength(3);
  });

  it('tells that the heap is full, with its limit', () => {
    const { clock, probe, lines } = setup({ heap: 0.75 });
    probe.share = 0.8;
    clock.advance(10_000);
    expect(lines).toEqual([
      'warn more than 75 % of the heap limit is in use (limits.heap): new connections and subscriptions are refused',
    ]);
  });
});
