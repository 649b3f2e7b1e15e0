import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from './clock.js';

/** Calls a function outside of every `AsyncLocalStorage` store. */
const inNoContext: <Args extends unknown[], Result>(act: (...args: Args) => Result, ...args: Args) => Result =
  AsyncLocalStorage.snapshot();

/** Node's clock and timers, looked up at each call, so that fake timers of a test count. */
export const processClock: Clock = {
  now: () => performance.now(),
  wallTime: () => performance.timeOrigin + performance.now(),
  systemTime: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (callback, ms) => inNoContext(setTimeout<[]>, callback, ms),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout),
  setInterval: (callback, ms) => inNoContext(setInterval<[]>, callback, ms),
  clearInterval: timer => clearInterval(timer as NodeJS.Timeout),
  setImmediate: callback => inNoContext(setImmediate<[]>, callback),
  clearImmediate: handle => clearImmediate(handle as NodeJS.Immediate),
};
