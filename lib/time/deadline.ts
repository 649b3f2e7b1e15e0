import type { Clock } from './clock.js';

/**
 * Waits for `work`, at most for some milliseconds.
 * @param late returns the result in place of a late one; may throw, or return a promise
 */
export async function inTime<Result, Late>(
  clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>,
  ms: number,
  work: Promise<Result>,
  late: () => Late | Promise<Late>,
): Promise<Result | Late> {
  let timer: unknown;
  const over = new Promise<void>(resolve => (timer = clock.setTimeout(resolve, ms))).then(late);
  try {
    return await Promise.race([work, over]);
  } finally {
    clock.clearTimeout(timer);
  }
}
