import type { Clock } from '../time/clock.js';
import { HeapShare, oldSpaceGiven } from './heap-share.js';
import type { LoadProbe } from './load-monitor.js';

const heap = new HeapShare(oldSpaceGiven(process.execArgv, process.env.NODE_OPTIONS));

/** This process, as the load monitor sees it. */
export function processProbe(clock: Clock): LoadProbe {
  return { ...clock, heapShare: () => heap.read() };
}
