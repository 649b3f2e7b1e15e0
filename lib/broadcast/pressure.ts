import type { Topic } from '../topic/topic.js';
import type { LogEntry } from '../wire/log-entry.js';
import type { Pressure } from './broadcaster.js';

export const NO_PRESSURE: Pressure = Object.freeze({ slow: 0, queuedBytes: 0, oldestMs: 0 });

/** Backlog of subscriptions at some cursors. */
interface Queued {
  readonly bytes: number;
  /** Oldest publication of the backlog. */
  readonly first: LogEntry | undefined;
}

/** Returns how far the subscribers of a topic are behind. */
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

/** Returns the backlog at some cursors. Publications that are no longer kept do not count. */
function queuedIn(log: Topic['log'], cursors: readonly number[]): Queued {
  const first = Math.max(cursors[0]! + 1, log.first);
  return {
    bytes: cursors.reduce((sum, cursor) => sum + log.bytesAfter(cursor), 0),
    first: first > log.head ? undefined : log.at(first),
  };
}

/** Counts the backlog in one pass, because there may be as many keys as cursors. Both lists ascend. */
function queuedOf(entries: readonly LogEntry[], cursors: readonly number[]): Queued {
  let bytes = 0;
  let before = 0;
  for (const entry of entries) {
    while (before < cursors.length && cursors[before]! < entry.offset) before++;
    bytes += entry.bytes * before;
  }
  return { bytes, first: entries[0] };
}
