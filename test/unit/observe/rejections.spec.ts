import { describe, expect, it } from 'vitest';
import { Counters } from '../../../lib/observe/counters.js';
import type { Overload } from '../../../lib/observe/load.js';
import { ProcessMetrics } from '../../../lib/observe/metrics.js';
import { REJECTION_CAUSES, Rejections } from '../../../lib/observe/rejections.js';

function setup(): { rejections: Rejections; lines: string[]; clock: { now: number } } {
  const lines: string[] = [];
  const clock = { now: 1000 };
  const rejections = new Rejections(() => clock.now, { warn: line => void lines.push(line) });
  return { rejections, lines, clock };
}

describe('Rejections', () => {
  it('counts each cause by itself, and knows those that never were', () => {
    const { rejections } = setup();
    rejections.count('origin', 'a');
    rejections.count('origin', 'b');
    rejections.count('pings', 'a');
    const { counts } = rejections;
    expect(Object.keys(counts)).toEqual(Object.keys(REJECTION_CAUSES));
    expect(Object.entries(counts).filter(([, count]) => count > 0)).toEqual([
      ['origin', 2],
      ['pings', 1],
    ]);
  });

  it('logs the first three of each cause and minute, and says that it stops', () => {
    const { rejections, lines } = setup();
    for (let i = 0; i < 1000; i++) rejections.count('origin', String(i));
    rejections.count('payload', '7');
    expect(lines).toEqual([
      `refused client 0: ${REJECTION_CAUSES.origin}`,
      `refused client 1: ${REJECTION_CAUSES.origin}`,
      `refused client 2: ${REJECTION_CAUSES.origin}; more of this minute are only counted`,
      `refused client 7: ${REJECTION_CAUSES.payload}`,
    ]);
    expect(rejections.counts.origin).toBe(1000);
  });

  it('says in the next minute how many were not logged, and logs again', () => {
    const { rejections, lines, clock } = setup();
    for (let i = 0; i < 10; i++) rejections.count('origin', 'x');
    clock.now += 59_999;
    rejections.count('origin', 'x');
    expect(lines).toHaveLength(3);
    clock.now += 1;
    rejections.count('origin', 'y');
    expect(lines.slice(3)).toEqual([
      `refused 8 more that were not logged: ${REJECTION_CAUSES.origin}`,
      `refused client y: ${REJECTION_CAUSES.origin}`,
    ]);
  });
});

describe('ProcessMetrics', () => {
  it('gives the counts of the moment', () => {
    const { rejections } = setup();
    const load: { overload: Overload | undefined } = { overload: undefined };
    const metrics = new ProcessMetrics(rejections, load, new Counters());
    const before = metrics.rejected;
    rejections.count('heap', 'x');
    expect([before.heap, metrics.rejected.heap]).toEqual([0, 1]);
    expect(metrics.overload).toBeUndefined();
    load.overload = 'heap';
    expect(metrics.overload).toBe('heap');
  });
});
