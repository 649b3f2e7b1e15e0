import { getHeapStatistics } from 'node:v8';
import type { LoadProbe } from './load-monitor.js';

/** This process, as the load monitor sees it. */
export const processProbe: LoadProbe = {
  now: () => performance.now(),
  heapShare() {
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
    return used / limit;
  },
  setInterval: (callback, ms) => setInterval(callback, ms),
  clearInterval: timer => clearInterval(timer as NodeJS.Timeout),
};
