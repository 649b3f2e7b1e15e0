import type { Topic } from '../topic/topic.js';
import type { Pressure } from './broadcaster.js';

export const NO_PRESSURE: Pressure = Object.freeze({ slow: 0, queuedBytes: 0, oldestMs: 0 });

/** How far the subscribers of a topic are behind what was published. */
export function pressureOf({ log, lane, behind }: Topic, now: number): Pressure {
  let queuedBytes = lane.pendingBytes;
  let oldest = lane.flushed;
  for (const { cursor } of behind) {
    // What no longer is in the log is not queued for anybody.
    queuedBytes += log.bytesAfter(cursor);
    oldest = Math.min(oldest, cursor);
  }
  const first = Math.max(oldest + 1, log.first);
  const oldestMs = first > log.head ? 0 : Math.max(0, now - log.at(first).at);
  return { slow: behind.size, queuedBytes, oldestMs };
}
