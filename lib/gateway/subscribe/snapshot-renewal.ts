import type { CatchUp } from '../../broadcast/catch-up.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import type { Subscription } from '../../topic/subscription.js';
import { gapText } from '../../wire/gap-frame.js';
import { inOwnContext } from '../../connection/own-context.js';
import type { ClientConnection, ClientSession } from '../session/client-session.js';
import { sessionOf } from '../session/client-session.js';
import type { Fail } from './subscribe-router.js';
import { revoke } from './revocation.js';
import type { TopicRequest } from './topic-request.js';
import type { TopicRequests } from './topic-requests.js';

/** The collaborators of {@link SnapshotRenewal}. */
export interface RenewalDeps {
  readonly topics: TopicRegistry;
  readonly catchUp: CatchUp;
  readonly requests: TopicRequests;
  readonly fail: Fail;
}

/**
 * Gives a subscription that lost publications a new snapshot, in the gap that tells of them: asks the topic's method once
 * more, with its guards and all.
 */
export class SnapshotRenewal {
  readonly #deps: RenewalDeps;
  /** What each subscription that was taken over waits for: one may be taken over again before the first is done. */
  readonly #renewing = new Map<Subscription, TopicRequest>();

  constructor(deps: RenewalDeps) {
    this.#deps = deps;
  }

  /** Takes over a subscription that is too far behind; false when there is no method to ask. */
  renew(subscription: Subscription): boolean {
    const { topic } = subscription;
    // Every subscriber of the gateway's topics is a connection; the topic room knows none.
    const session = sessionOf((subscription.subscriber as unknown as ClientConnection).socket);
    const request = session && this.#deps.requests.for(session, topic.name);
    if (request === undefined) return false;
    request.adopt(subscription);
    topic.renew(subscription);
    // The snapshot is newer than this; what comes while it is made follows it.
    subscription.lose(subscription.lane.flushed);
    this.#renewing.set(subscription, request);
    // Called in a flush, in a publisher's turn, or when a socket drains.
    void inOwnContext(this.#ask, session!, request, subscription);
    return true;
  }

  readonly #ask = async (
    session: ClientSession,
    request: TopicRequest,
    subscription: Subscription,
  ): Promise<void> => {
    const { topic } = subscription;
    try {
      const snapshot = await request.ask({ topic: topic.name });
      const tell = (): void => this.#tell(session, request, subscription, snapshot);
      // Other topics may have lost something too, and their snapshots are on their way.
      if (session.connection.full) await session.connection.whenRead(tell);
      else tell();
    } catch (error) {
      if (this.#isWaiting(subscription, request)) revoke(this.#deps, session, subscription, error);
    } finally {
      if (this.#renewing.get(subscription) === request) this.#renewing.delete(subscription);
      request.end();
    }
  };

  #tell(session: ClientSession, request: TopicRequest, subscription: Subscription, snapshot: unknown): void {
    if (!this.#isWaiting(subscription, request)) return;
    const { topic, lostFrom, cursor } = subscription;
    session.connection.answer(gapText(topic.name, topic.log.epoch, lostFrom, cursor, 'slow', snapshot));
    subscription.lossTold();
    if (this.#isWaiting(subscription, request)) this.#deps.catchUp.join(subscription);
  }

  /** False when it has ended meanwhile, or its client has subscribed anew. */
  #isWaiting(subscription: Subscription, request: TopicRequest): boolean {
    return subscription.state === 'renewing' && this.#renewing.get(subscription) === request;
  }
}
