import type { Topic } from '../topic/topic.js';
import type { History } from './broadcaster.js';

/**
 * Returns the publications of a topic after an offset, as far as the topic keeps them, oldest first.
 * @param from the offset; undefined, for a position of another log, returns all
 */
export function historyOf<T>(topic: Topic, from: number | undefined, now: number): History<T> {
  topic.trim(now);
  topic.log.usedAt = now;
  const { log, position } = topic;
  const known = log.remembered - 1;
  const publications = log
    .range(Math.max(from ?? 0, known), log.head)
    .filter(({ expires }) => expires === 0 || expires > now)
    .map(({ offset, json }) => ({ offset, data: JSON.parse(json) as T }));
  return { publications, position, complete: from !== undefined && from >= known && from <= log.head };
}
