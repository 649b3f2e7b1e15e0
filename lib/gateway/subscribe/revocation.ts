import { Refusal } from '../../errors/refusals.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import type { Subscription } from '../../topic/subscription.js';
import type { ClientSession } from '../session/client-session.js';
import { GuardRefusal } from '../nest/guard-refusal.js';
import type { Fail } from './subscribe-router.js';
import { unsubscribedText } from './topic-answers.js';
import { FILTERED } from './topic-request.js';

/** Who may no longer subscribe gets nothing more of the topic, and is told why, and that it has ended. */
export function revoke(
  { topics, fail }: { readonly topics: TopicRegistry; readonly fail: Fail },
  session: ClientSession,
  subscription: Subscription,
  error: unknown,
): void {
  const { name } = subscription.topic;
  // No message of its own was refused, so nothing is held against it.
  const reason = error instanceof GuardRefusal ? new Refusal('FORBIDDEN', name) : error;
  if (error !== FILTERED) fail(session, undefined, reason, name);
  topics.leave(subscription, 'revoked');
  session.connection.sendText(unsubscribedText(name));
}
