import type { Clock } from '../time/clock.js';
import { HeapShare, oldSpaceGiven } from './heap-share.js';
import type { LoadProbe } from './load-monitor.js';

const heap = new HeapShare(oldSpaceGiven(process.execArgv, process.env.NODE_OPTIONS));

/** Values of this process for the load monitor. */
export function processProbe(clock: Clock): LoadProbe {
  return { ...clock, heapShare: () => heap.read() };
}
