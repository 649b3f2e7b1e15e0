import type { Topic } from '../topic/topic.js';
import type { LogEntry } from '../wire/log-entry.js';
import type { Pressure } from './broadcaster.js';

export const NO_PRESSURE: Pressure = Object.freeze({ slow: 0, queuedBytes: 0, oldestMs: 0 });

/** What waits for those who have got as far as some cursors. */
interface Queued {
  readonly bytes: number;
  /** The oldest of it. */
  readonly first: LogEntry | undefined;
}

/** How far the subscribers of a topic are behind what was published. */
export function pressureOf(topic: Topic, now: number): Pressure {
  const { lane, behind, log, latest } = topic;
  const cursors = [lane.flushed];
  for (const { cursor } of behind) cursors.push(cursor);
  cursors.sort((a, b) => a - b);
  const { bytes, first } =
    latest === undefined ? queuedIn(log, cursors) : queuedOf(latest.range(cursors[0]!, log.head), cursors);
  return {
    slow: behind.size,
    queuedBytes: bytes,
    oldestMs: first === undefined ? 0 : Math.max(0, now - first.at),
  };
}

/** What is no longer kept is not queued for anybody. */
function queuedIn(log: Topic['log'], cursors: readonly number[]): Queued {
  const first = Math.max(cursors[0]! + 1, log.first);
  return {
    bytes: cursors.reduce((sum, cursor) => sum + log.bytesAfter(cursor), 0),
    first: first > log.head ? undefined : log.at(first),
  };
}

/** In one pass: there may be as many keys as there are cursors. Both ascend. */
function queuedOf(entries: readonly LogEntry[], cursors: readonly number[]): Queued {
  let bytes = 0;
  let before = 0;
  for (const entry of entries) {
    while (before < cursors.length && cursors[before]! < entry.offset) before++;
    bytes += entry.bytes * before;
  }
  return { bytes, first: entries[0] };
}
