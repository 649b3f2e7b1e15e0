import type { Lane } from '../topic/topic.js';
import { mayExpire } from '../topic/topic.js';
import type { Topic } from '../topic/topic.js';
import { withoutExpired } from '../wire/expired.js';
import { gapEntry, type LogEntry } from '../wire/log-entry.js';
import { newestPerKey } from '../wire/newest-per-key.js';

/** What goes out of a lane to a live subscription that stands at offset `since`. */
export function newIn(
  { topic, interval }: Lane,
  since: number,
  to: number,
  now: number,
): readonly LogEntry[] {
  const entries = interval > 0 ? conflated(topic, since, to) : topic.log.range(since, to);
  return unexpired(topic, entries, now);
}

/** What somebody who is behind gets of what lies between two offsets. */
export function missedIn(topic: Topic, since: number, to: number, now: number): readonly LogEntry[] {
  const entries = topic.conflates ? conflated(topic, since, to) : topic.log.range(since, to);
  return unexpired(topic, entries, now);
}

/** The newest of each key on a topic that conflates; a gap first when there was more than is kept. */
function conflated({ log, latest }: Topic, since: number, to: number): readonly LogEntry[] {
  if (since >= latest!.reach) return latest!.range(since, to);
  if (since >= log.first - 1) return newestPerKey(log.range(since, to));
  const end = Math.min(latest!.reach, to);
  return [gapEntry({ from: since + 1, to: end, reason: 'slow' }), ...latest!.range(end, to)];
}

function unexpired(topic: Topic, entries: readonly LogEntry[], now: number): readonly LogEntry[] {
  return mayExpire(topic) ? withoutExpired(entries, now) : entries;
}
