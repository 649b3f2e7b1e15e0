import { nowUs } from '../message.mjs';
import { answer, usage } from '../process/answer.mjs';
import { Counting } from './counting.mjs';
import { gcTime, loopWatch } from './event-loop.mjs';
import { profiler } from './profiler.mjs';

/** For servers that only react and publish nothing by themselves. @param {number} port */
export function answerOnly(port, extra = {}) {
  const counting = new Counting();
  const loop = loopWatch();
  answer({
    port: () => port,
    usage: () => ({ ...usage(nowUs), gc: gcTime() }),
    heap,
    startCounting: () => counting.start(),
    stopCounting: () => counting.stop(),
    startLoopWatch: () => loop.start(),
    stopLoopWatch: () => loop.stop(),
    ...profiler(),
    ...extra,
  });
}

/** Bytes that are kept: a few collections, because what a finaliser holds goes with the next one only. */
function heap() {
  for (let i = 0; i < 3; i++) globalThis.gc();
  return process.memoryUsage().heapUsed;
}
