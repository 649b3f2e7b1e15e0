import type { Delivery } from '../../broadcast/delivery.js';
import type { PresencePolicy } from '../../topic/topic-policy.js';
import type { ClientSession } from '../session/client-session.js';
import { type Found, TopicRequest, type TopicRequestDeps } from './topic-request.js';
import { isThenable } from '../nest/wrapped-method.js';

/** Topic whose presence is requested. */
export interface PresenceSubject {
  readonly name: string;
  readonly policy: PresencePolicy;
  /** Route of the topic itself. */
  readonly found: Found;
}

/**
 * Request for the presence of a topic. Subscribers of the topic are admitted. Other clients are admitted if the topic's
 * method, with its guards, would admit them. The result of the method is not used.
 */
export class PresenceRequest extends TopicRequest {
  readonly #client: ClientSession;
  readonly #subject: PresenceSubject;
  readonly #delivery: Delivery;

  /** @param name name of the presence topic */
  constructor(
    session: ClientSession,
    name: string,
    subject: PresenceSubject,
    delivery: Delivery,
    deps: TopicRequestDeps,
  ) {
    super(session, name, subject.found, deps);
    this.#client = session;
    this.#subject = subject;
    this.#delivery = delivery;
  }

  override ask(payload: object): unknown {
    const { name } = this.#subject;
    if (this.#client.connection.subscriptions.get(name)?.answered) return this.#whenAnnounced();
    const result = super.ask({ ...payload, topic: name });
    return isThenable(result) ? result.then(() => this.#whenAnnounced()) : this.#whenAnnounced();
  }

  /** False: a change before the list, sent after it, would remove members who are there. */
  override get replays(): boolean {
    return false;
  }

  protected override get subject(): string {
    return this.#subject.name;
  }

  /** False, because the source of the topic runs for subscribers of the topic only. */
  protected override claim(): boolean {
    return false;
  }

  /**
   * Waits until pending changes are published. A list with these changes would announce them twice to this client. One
   * wait serves all such clients.
   */
  #whenAnnounced(): unknown {
    const announced = this.#delivery.presence.announced(this.#subject.name);
    if (announced === undefined) return this.#snapshot();
    // Held from now on, so that the server can revoke the subscription meanwhile.
    if (this.#client.connection.open) this.hold();
    return announced.then(() => this.#snapshot());
  }

  /** Returns the presence as the subscribers know it. The subscription continues exactly from there. */
  #snapshot(): unknown {
    const { connection } = this.#client;
    if (!connection.open) return undefined;
    const subscription = this.hold();
    if (!subscription.served) subscription.advance(subscription.topic.log.head);
    else {
      this.#delivery.finish(subscription);
      connection.requestWrite();
    }
    return this.#delivery.presence.told(this.#subject.name, this.#subject.policy);
  }
}
