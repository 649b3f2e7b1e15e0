import { HeapShare, oldSpaceGiven } from './heap-share.js';
import type { LoadProbe } from './load-monitor.js';

const heap = new HeapShare(oldSpaceGiven(process.execArgv, process.env.NODE_OPTIONS));

/** This process, as the load monitor sees it. */
export const processProbe: LoadProbe = {
  now: () => performance.now(),
  heapShare: () => heap.read(),
  setInterval: (callback, ms) => setInterval(callback, ms),
  clearInterval: timer => clearInterval(timer as NodeJS.Timeout),
};
