import { gapEntry } from '../wire/gap-entry.js';
import type { LogEntry } from '../wire/log-entry.js';
import { newestPerKey } from '../wire/newest-per-key.js';
import type { Topic } from './topic.js';

/** The lowest cursor from which a topic has everything that follows. */
export function reachOf({ log, latest }: Topic): number {
  const kept = log.first - 1;
  return latest === undefined ? kept : Math.min(kept, latest.reach);
}

/** What somebody who is behind gets of what lies between two offsets. */
export function missed(topic: Topic, since: number, to: number): readonly LogEntry[] {
  return topic.conflates ? conflated(topic, since, to) : topic.log.range(since, to);
}

/** The newest of each key on a topic that conflates; a gap first when there was more than is kept. */
export function conflated({ name, log, latest }: Topic, since: number, to: number): readonly LogEntry[] {
  if (since >= latest!.reach) return latest!.range(since, to);
  if (since >= log.first - 1) return newestPerKey(log.range(since, to));
  const end = Math.min(latest!.reach, to);
  return [gapEntry(name, log.epoch, since + 1, end, 'slow'), ...latest!.range(end, to)];
}
