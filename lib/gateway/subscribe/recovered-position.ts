import { reachOf } from '../../topic/topic.js';
import type { Subscription } from '../../topic/subscription.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';

/**
 * Lets a client go on from a position; false when that cannot be done without a loss.
 * @param isSetBack whether the subscription is set back to that position, and does not stay where it is
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
  // A subscription that lives already goes on from where it is: nothing is replayed to it. Nor is anything forgotten
  // now, as it may be between two lanes, neither of which knows what it still needs.
  if (isSetBack) topics.refresh(topic);
  const oldest = isSetBack ? reachOf(topic) : subscription.cursor;
  if (from < oldest || from > topic.log.head) return false;
  if (isSetBack) subscription.rewind(from);
  return true;
}
