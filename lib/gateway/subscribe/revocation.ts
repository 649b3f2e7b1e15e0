import { Refusal } from '../../errors/refusals.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import type { Subscription } from '../../topic/subscription.js';
import type { Answers } from '../session/answers.js';
import type { ClientSession } from '../session/client-session.js';
import { GuardRefusal } from '../nest/guard-refusal.js';
import { FILTERED } from './topic-request.js';

/** Ends a subscription whose client may no longer have the topic, and sends the client the error and the end. */
export function revoke(
  { topics, answers }: { readonly topics: TopicRegistry; readonly answers: Answers },
  session: ClientSession,
  subscription: Subscription,
  error: unknown,
): void {
  const { name } = subscription.topic;
  // The client sent no message, so the refusal is not counted against it.
  const reason = error instanceof GuardRefusal ? new Refusal('FORBIDDEN', name) : error;
  if (error !== FILTERED) answers.fail(session, undefined, reason, name);
  topics.leave(subscription, 'revoked');
  answers.unsubscribed(session.connection, name, 'revoked');
}
