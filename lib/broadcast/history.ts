import { offsetIn } from '../topic/position.js';
import type { Topic } from '../topic/topic.js';
import type { History, Position } from './broadcaster.js';

/** What a topic remembers of what was published after `since`, oldest first. */
export function historyOf<T>(topic: Topic, since: Position | undefined, now: number): History<T> {
  topic.trim(now);
  const { log, position } = topic;
  const known = log.remembered - 1;
  const from = since === undefined ? 0 : offsetIn(log.epoch, since);
  const publications = log
    .range(Math.max(from ?? 0, known), log.head)
    .filter(({ expires }) => expires === 0 || expires > now)
    .map(({ offset, json }) => ({ offset, data: JSON.parse(json) as T }));
  return { publications, position, complete: from !== undefined && from >= known && from <= log.head };
}
