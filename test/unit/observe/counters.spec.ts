import { describe, expect, it } from 'vitest';
import { Counters } from '../../../lib/observe/counters.js';
import { ProcessMetrics } from '../../../lib/observe/metrics.js';
import { Rejections } from '../../../lib/observe/rejections.js';

describe('Counters', () => {
  it('counts close codes, and the codes that clients make up under one name', () => {
    const counters = new Counters();
    counters.closed(1000, false);
    counters.closed(1006, false);
    counters.closed(1006, false);
    counters.closed(4001, true);
    for (let code = 3000; code < 5000; code++) counters.closed(code, false);
    expect([...counters.closes]).toEqual([
      [1000, 1],
      [1006, 2],
      [4001, 1],
      ['other', 2000],
    ]);
  });

  it('counts a write with its bytes', () => {
    const counters = new Counters();
    counters.wrote(10);
    counters.wrote(5);
    expect([counters.socketWrites, counters.bytes]).toEqual([2, 15]);
  });
});

describe('ProcessMetrics', () => {
  it('gives a snapshot that later counts do not change', () => {
    const counters = new Counters();
    const rejections = new Rejections(() => 0, { warn: () => {} });
    const metrics = new ProcessMetrics(rejections, { overload: undefined }, counters);
    counters.publications++;
    counters.closed(4001, true);
    rejections.count('origin', 'a');
    const snapshot = metrics.snapshot();
    counters.publications++;
    counters.closed(4001, true);
    rejections.count('origin', 'a');
    expect(snapshot).toMatchObject({ publications: 1, deliveries: 0, closed: { 4001: 1 } });
    expect(snapshot.rejected.origin).toBe(1);
  });
});
