import type { Delivery } from '../../broadcast/delivery.js';
import type { PresencePolicy } from '../../topic/topic-policy.js';
import type { ClientSession } from '../session/client-session.js';
import { type Found, TopicRequest, type TopicRequestDeps } from './topic-request.js';
import { isThenable } from '../nest/wrapped-method.js';

/** The topic whose presence is asked for. */
export interface PresenceSubject {
  readonly name: string;
  readonly policy: PresencePolicy;
  /** The route of the topic itself. */
  readonly found: Found;
}

/**
 * A client asks who is subscribed to a topic: allowed to whoever is, and otherwise to whom the method of the topic and
 * what is around it would let in. That method runs, but what it returns is not used.
 */
export class PresenceRequest extends TopicRequest {
  readonly #client: ClientSession;
  readonly #subject: PresenceSubject;
  readonly #delivery: Delivery;

  /** @param name of the presence */
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

  /** A change that is told after a list which has it would take away who is not there. */
  override get replays(): boolean {
    return false;
  }

  protected override get subject(): string {
    return this.#subject.name;
  }

  /** The source of the topic is for its subscribers. */
  protected override claim(): boolean {
    return false;
  }

  /** Changes that wait to be published would be told to this client twice: it waits too, once for all who do. */
  #whenAnnounced(): unknown {
    const announced = this.#delivery.presence.announced(this.#subject.name);
    if (announced === undefined) return this.#snapshot();
    // Held from now on, so that the server can revoke it meanwhile.
    if (this.#client.connection.open) this.hold();
    return announced.then(() => this.#snapshot());
  }

  /** What the subscribers know by now. The subscription goes on exactly there. */
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
