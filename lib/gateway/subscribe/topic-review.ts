import type { TopicRegistry } from '../../topic/topic-registry.js';
import { isPresenceName } from '../../topic/topic-name.js';
import type { Subscription } from '../../topic/subscription.js';
import { Refusal } from '../../errors/refusals.js';
import type { ClientSession } from '../session/client-session.js';
import { revoke } from './revocation.js';
import type { Fail } from './subscribe-router.js';
import type { TopicRequests } from './topic-requests.js';

/**
 * Asks again about every topic that a client has asked for, as if it did so now: guards and method run, and what the
 * method returns is left aside. A topic that is refused is over. What is published meanwhile still comes.
 */
export class TopicReview {
  readonly #topics: TopicRegistry;
  readonly #requests: TopicRequests;

  constructor(topics: TopicRegistry, requests: TopicRequests) {
    this.#topics = topics;
    this.#requests = requests;
  }

  /** Resolves when each of them is decided. Subscribes that are not answered yet look after themselves. */
  async run(session: ClientSession, fail: Fail): Promise<void> {
    const { subscriptions } = session.connection;
    const asked = [...subscriptions.values()].filter(({ requested, answered }) => requested && answered);
    const ask = (subscription: Subscription) => this.#ask(session, subscription, fail);
    // Whoever has a topic may have its presence, so that is only known when the topics are decided.
    const presences = asked.filter(({ topic }) => isPresenceName(topic.name));
    await Promise.all(asked.filter(subscription => !presences.includes(subscription)).map(ask));
    await Promise.all(presences.map(ask));
  }

  async #ask(session: ClientSession, subscription: Subscription, fail: Fail): Promise<void> {
    const { name } = subscription.topic;
    const isPresent = (): boolean => session.connection.subscriptions.get(name) === subscription;
    // Its client may have left it by now.
    if (!isPresent()) return;
    const request = this.#requests.for(session, name);
    try {
      if (request === undefined) throw new Refusal('UNKNOWN_TOPIC', name);
      request.adopt(subscription);
      await request.ask({ topic: name });
    } catch (error) {
      if (isPresent()) revoke({ topics: this.#topics, fail }, session, subscription, error);
    } finally {
      request?.end();
    }
  }
}
