import type { Topic } from './topic.js';

/** The lowest cursor from which a topic has everything that follows. */
export function reachOf({ log, latest }: Topic): number {
  const kept = log.first - 1;
  return latest === undefined ? kept : Math.min(kept, latest.reach);
}

/** Whether a topic may keep publications that are stale. */
export function mayExpire({ log, latest }: Topic): boolean {
  return log.mortal || latest?.mortal === true;
}
