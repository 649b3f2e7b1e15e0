import type { TopicRegistry } from '../../topic/topic-registry.js';
import { isPresenceName } from '../../topic/topic-name.js';
import type { Subscription } from '../../topic/subscription.js';
import { Refusal } from '../../errors/refusals.js';
import type { Answers } from '../session/answers.js';
import type { ClientSession } from '../session/client-session.js';
import { revoke } from './revocation.js';
import type { TopicRequests } from './topic-requests.js';

/**
 * Checks again every topic that a client has subscribed to. Guards and method run as for a new subscribe, but the
 * result of the method is not used. A refused topic ends. Publications during the check are still delivered.
 */
export class TopicReview {
  readonly #topics: TopicRegistry;
  readonly #requests: TopicRequests;
  readonly #answers: Answers;

  constructor(topics: TopicRegistry, requests: TopicRequests, answers: Answers) {
    this.#topics = topics;
    this.#requests = requests;
    this.#answers = answers;
  }

  /** Resolves when every topic is decided. Subscribes without an answer yet check the credentials themselves. */
  async run(session: ClientSession): Promise<void> {
    const { subscriptions } = session.connection;
    const asked = [...subscriptions.values()].filter(({ requested, answered }) => requested && answered);
    const ask = (subscription: Subscription) => this.#ask(session, subscription);
    // Subscribers of a topic may have its presence, so presence topics are decided last.
    const presences = asked.filter(({ topic }) => isPresenceName(topic.name));
    await Promise.all(asked.filter(subscription => !presences.includes(subscription)).map(ask));
    await Promise.all(presences.map(ask));
  }

  async #ask(session: ClientSession, subscription: Subscription): Promise<void> {
    const { name } = subscription.topic;
    const isPresent = (): boolean => session.connection.subscriptions.get(name) === subscription;
    // The client may have left the topic meanwhile.
    if (!isPresent()) return;
    const request = this.#requests.for(session, name);
    try {
      if (request === undefined) throw new Refusal('UNKNOWN_TOPIC', name);
      request.adopt(subscription);
      await request.ask({ topic: name });
    } catch (error) {
      if (isPresent()) revoke({ topics: this.#topics, answers: this.#answers }, session, subscription, error);
    } finally {
      request?.end();
    }
  }
}
