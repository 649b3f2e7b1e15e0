import { nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { profiler } from './profiler.mjs';

/** For servers that only react: they publish nothing by themselves. @param {number} port */
export function answerOnly(port, extra = {}) {
  answer({ port: () => port, usage: () => usage(nowUs), memory, ...profiler(), ...extra });
}

/** After a collection, so that only what is kept counts; without --expose-gc the figures include garbage. */
function memory() {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heapUsed };
}
