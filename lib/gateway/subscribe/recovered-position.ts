import { reachOf } from '../../topic/topic.js';
import type { Subscription } from '../../topic/subscription.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';

/**
 * Continues a subscription from a position. Returns false if publications after the position are lost.
 * @param isSetBack true to set the subscription back to that position; false to leave its cursor
 */
export function recover(
  topics: TopicRegistry,
  subscription: Subscription,
  since: string,
  isSetBack: boolean,
): boolean {
  const { topic } = subscription;
  const from = topics.offsetOf(topic, since);
  if (from === undefined) return false;
  // A live subscription continues from its cursor, and nothing is replayed. Nothing may be dropped from the log now:
  // during a change of lanes no lane knows what the subscription still needs.
  if (isSetBack) topics.refresh(topic);
  const oldest = isSetBack ? reachOf(topic) : subscription.cursor;
  if (from < oldest || from > topic.log.head) return false;
  if (isSetBack) subscription.rewind(from);
  return true;
}
