import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const RESOLUTION_MS = 1;
const SETTLE_MS = 10;

let gcMs = 0;
const collections = new PerformanceObserver(list => add(list.getEntries()));
collections.observe({ entryTypes: ['gc'] });

function add(entries) {
  for (const { duration } of entries) gcMs += duration;
}

/** Milliseconds that the process has spent in garbage collections. */
export function gcTime() {
  add(collections.takeRecords());
  return gcMs;
}

/**
 * The longest time for which the event loop did not turn. Its timer wakes the process a thousand times a second, which
 * a measurement of CPU time would see: so it runs between `start` and `stop` only.
 */
export function loopWatch() {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  return {
    async start() {
      delay.reset();
      delay.enable();
      // It measures from its second turn on.
      await sleep(SETTLE_MS);
    },
    stop() {
      delay.disable();
      // The histogram holds the time from one turn of the timer to the next.
      return {
        longestBlockMs: Math.max(0, delay.max / 1e6 - RESOLUTION_MS),
        p99BlockMs: Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS),
      };
    },
  };
}
