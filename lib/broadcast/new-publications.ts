import type { Lane } from '../topic/topic.js';
import { mayExpire } from '../topic/topic.js';
import type { Topic } from '../topic/topic.js';
import { withoutExpired } from '../wire/expired.js';
import { gapEntry, type LogEntry } from '../wire/log-entry.js';
import { newestPerKey } from '../wire/newest-per-key.js';

/** Returns the publications of a lane for a live subscription at offset `since`. */
export function newIn(
  { topic, interval }: Lane,
  since: number,
  to: number,
  now: number,
): readonly LogEntry[] {
  const entries = interval > 0 ? conflated(topic, since, to) : topic.log.range(since, to);
  return unexpired(topic, entries, now);
}

/** Returns the publications between two offsets for a subscription that is behind. */
export function missedIn(topic: Topic, since: number, to: number, now: number): readonly LogEntry[] {
  const entries = topic.conflates ? conflated(topic, since, to) : topic.log.range(since, to);
  return unexpired(topic, entries, now);
}

/** Returns the newest publication of each key on a conflating topic, after a gap if some are no longer kept. */
function conflated({ log, latest }: Topic, since: number, to: number): readonly LogEntry[] {
  if (since >= latest!.reach) return latest!.range(since, to);
  if (since >= log.first - 1) return newestPerKey(log.range(since, to));
  const end = Math.min(latest!.reach, to);
  return [gapEntry({ from: since + 1, to: end, reason: 'slow' }), ...latest!.range(end, to)];
}

function unexpired(topic: Topic, entries: readonly LogEntry[], now: number): readonly LogEntry[] {
  return mayExpire(topic) ? withoutExpired(entries, now) : entries;
}
