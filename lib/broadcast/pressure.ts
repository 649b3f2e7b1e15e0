import type { Topic } from '../topic/topic.js';
import type { LogEntry } from '../wire/log-entry.js';
import type { Pressure } from './broadcaster.js';

export const NO_PRESSURE: Pressure = Object.freeze({ slow: 0, queuedBytes: 0, oldestMs: 0 });

/** How far the subscribers of a topic are behind what was published. */
export function pressureOf(topic: Topic, now: number): Pressure {
  const { lane, behind } = topic;
  let queuedBytes = bytesAfter(topic, lane.flushed);
  let oldest = lane.flushed;
  for (const { cursor } of behind) {
    queuedBytes += bytesAfter(topic, cursor);
    oldest = Math.min(oldest, cursor);
  }
  const first = firstAfter(topic, oldest);
  return { slow: behind.size, queuedBytes, oldestMs: first === undefined ? 0 : Math.max(0, now - first.at) };
}

/** What is no longer kept is not queued for anybody. */
function bytesAfter({ log, latest }: Topic, cursor: number): number {
  if (latest === undefined) return log.bytesAfter(cursor);
  return latest.range(cursor, log.head).reduce((sum, { bytes }) => sum + bytes, 0);
}

function firstAfter({ log, latest }: Topic, cursor: number): LogEntry | undefined {
  if (latest !== undefined) return latest.range(cursor, log.head)[0];
  const first = Math.max(cursor + 1, log.first);
  return first > log.head ? undefined : log.at(first);
}
