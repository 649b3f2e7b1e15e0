import type { CatchUp } from '../../broadcast/catch-up.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import type { Subscription } from '../../topic/subscription.js';
import type { GapReason } from '../../wire/log-entry.js';
import { inOwnContext } from '../../connection/own-context.js';
import type { Answers, Renewed } from '../session/answers.js';
import type { ClientConnection, ClientSession } from '../session/client-session.js';
import { sessionOf } from '../session/client-session.js';
import { revoke } from './revocation.js';
import type { TopicRequest } from './topic-request.js';
import type { TopicRequests } from './topic-requests.js';

/** The collaborators of {@link SnapshotRenewal}. */
export interface RenewalDeps {
  readonly topics: TopicRegistry;
  readonly catchUp: CatchUp;
  readonly requests: TopicRequests;
  readonly answers: Answers;
}

/**
 * Sends a new snapshot to a subscription that lost publications, as part of its gap frame. Calls the topic's method
 * again, with its guards.
 */
export class SnapshotRenewal {
  readonly #deps: RenewalDeps;
  /** The latest renewal of each subscription. Another renewal may begin before the first is done. */
  readonly #renewing = new Map<Subscription, TopicRequest>();

  constructor(deps: RenewalDeps) {
    this.#deps = deps;
  }

  /**
   * Starts the renewal of a subscription that is too far behind, or ends the subscription if its format has no gaps for
   * losses. Returns false if there is no method to call.
   */
  renew(subscription: Subscription, reason: GapReason): boolean {
    const { topic } = subscription;
    // Every subscriber of a gateway's topics is a connection, but the topic room does not know connections.
    const connection = subscription.subscriber as unknown as ClientConnection;
    if (subscription.format.endsAtLoss) {
      this.#deps.topics.leave(subscription, 'removed');
      this.#deps.answers.unsubscribed(connection, topic.name, 'lost');
      return true;
    }
    const session = sessionOf(connection.transport);
    const request = session && this.#deps.requests.for(session, topic.name);
    if (request === undefined) return false;
    request.adopt(subscription);
    topic.renew(subscription);
    // The snapshot contains all publications up to here. Later publications follow it.
    subscription.lose(subscription.lane.flushed);
    this.#renewing.set(subscription, request);
    // Called in a flush, in a publisher's turn, or when a socket drains.
    void inOwnContext(this.#ask, session!, request, subscription, reason);
    return true;
  }

  readonly #ask = async (
    session: ClientSession,
    request: TopicRequest,
    subscription: Subscription,
    reason: GapReason,
  ): Promise<void> => {
    const { topic } = subscription;
    try {
      const snapshot = await request.ask({ topic: topic.name });
      const tell = (): void => this.#tell(session, request, subscription, { reason, snapshot });
      // Other topics may have lost publications too, and their snapshots may be under way.
      if (session.connection.full) await session.connection.whenRead(tell);
      else tell();
    } catch (error) {
      if (this.#isWaiting(subscription, request)) revoke(this.#deps, session, subscription, error);
    } finally {
      if (this.#renewing.get(subscription) === request) this.#renewing.delete(subscription);
      request.end();
    }
  };

  #tell(session: ClientSession, request: TopicRequest, subscription: Subscription, renewed: Renewed): void {
    if (!this.#isWaiting(subscription, request)) return;
    this.#deps.answers.renewed(session.connection, subscription, renewed);
    if (this.#isWaiting(subscription, request)) this.#deps.catchUp.join(subscription);
  }

  /** False if the subscription has ended, or its client has subscribed again. */
  #isWaiting(subscription: Subscription, request: TopicRequest): boolean {
    return subscription.state === 'renewing' && this.#renewing.get(subscription) === request;
  }
}
