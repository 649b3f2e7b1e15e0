import { EMPTY, isObservable, type Subscription as RxSubscription } from 'rxjs';
import { Refusal } from '../errors/refusals.js';
import type { TopicRegistry } from '../topic/topic-registry.js';
import type { Subscription } from '../topic/topic.js';
import type { ClientConnection, ClientSession } from './client-session.js';
import type { Endpoint } from './endpoint.js';
import type { Invocation } from './invocation.js';
import type { TopicSources } from './topic-sources.js';

/** Thrown where a filter has answered: nobody is subscribed, and nothing is left to be said. */
export const FILTERED = Symbol('filtered');

/** The route of a topic and its pattern. */
type Found = NonNullable<ReturnType<Endpoint['topics']['find']>>;

/** One topic that a client asks for, from its message to the answer. */
export class TopicRequest {
  readonly #session: ClientSession;
  readonly #name: string;
  readonly #topics: TopicRegistry;
  readonly #sources: TopicSources;
  readonly #isNew: boolean;
  #reserved: boolean;
  #subscription: Subscription | undefined;

  /** @throws Refusal TOO_MANY_TOPICS above `limit` */
  constructor(
    session: ClientSession,
    name: string,
    topics: TopicRegistry,
    sources: TopicSources,
    limit: number,
  ) {
    const { subscriptions } = session.connection;
    this.#isNew = !subscriptions.has(name);
    if (this.#isNew && countRequested(subscriptions) + session.subscribing >= limit) {
      throw new Refusal('TOO_MANY_TOPICS', name);
    }
    this.#session = session;
    this.#name = name;
    this.#topics = topics;
    this.#sources = sources;
    // Counts towards the limit until the subscription is there and counts by itself.
    this.#reserved = this.#isNew;
    if (this.#reserved) session.subscribing++;
  }

  /**
   * The subscription, held until it is activated. What is published from the first call on is not missed.
   * @throws Refusal FORBIDDEN when the server has ended it meanwhile: what it revoked must not come back
   */
  hold(): Subscription {
    this.#release();
    const { connection } = this.#session;
    if (this.#subscription !== undefined && connection.subscriptions.get(this.#name) !== this.#subscription) {
      throw new Refusal('FORBIDDEN', this.#name);
    }
    this.#subscription ??= this.#topics.hold(connection, this.#name);
    this.#subscription.requested = true;
    return this.#subscription;
  }

  /** Runs the `@Topic` method. Its last value is the snapshot; a source has none. @throws what refuses the client */
  async ask({ route, pattern }: Found, payload: unknown): Promise<unknown> {
    const { connection } = this.#session;
    let isOwner = false;
    let isFiltered = false;
    let isSource!: () => void;
    const becameSource = new Promise<void>(resolve => (isSource = resolve));
    const invocation: Invocation = {
      topic: { name: this.#name, params: pattern.paramsOf(this.#name) },
      // What is published while the method makes the snapshot follows the answer.
      called: () => void (connection.open && this.hold()),
      filtered: () => void (isFiltered = true),
      feedsTopic: () => isOwner,
      streamed: stream => {
        isSource();
        isOwner = this.#sources.claim(this.#name);
        return isOwner ? stream : EMPTY;
      },
    };
    const result = await route.handle(connection.socket, payload, invocation, route.pattern);
    if (isFiltered) throw FILTERED;
    if (!isObservable(result)) return result;
    const { subscription, value } = this.#sources.connect(this.#name, result, () => isOwner);
    untilClosed(this.#session, subscription);
    const snapshot = await Promise.race([becameSource, value]);
    if (isOwner) {
      this.#feed(subscription);
      return undefined;
    }
    // What an interceptor adds to a source that runs already is nobody's.
    subscription.unsubscribe();
    if (isFiltered) throw FILTERED;
    return snapshot;
  }

  /** Gives back what was taken for a client that is refused. */
  abandon(): void {
    const subscription = this.#session.connection.subscriptions.get(this.#name);
    if (this.#isNew && subscription?.held) this.#topics.leave(subscription);
  }

  /** Called in the end, whatever it was. */
  end(): void {
    this.#release();
    // The connection may have gone while the method ran, before its source was there to be stopped.
    if (this.#topics.find(this.#name)?.vacant !== false) this.#sources.stop(this.#name);
  }

  /** The stream belongs to the topic from now on, and outlives the connection that brought it about. */
  #feed(stream: RxSubscription): void {
    this.#session.replies?.delete(stream);
    if (!this.#sources.attach(this.#name, stream)) throw new Refusal('SOURCE_FAILED', this.#name);
  }

  #release(): void {
    if (this.#reserved) this.#session.subscribing--;
    this.#reserved = false;
  }
}

/** Subscriptions that the client itself asked for. */
function countRequested(subscriptions: ClientConnection['subscriptions']): number {
  let count = 0;
  for (const { requested } of subscriptions.values()) if (requested) count++;
  return count;
}

/** A stream that one client asked for ends with its connection, also when that has gone while the method ran. */
function untilClosed(session: ClientSession, stream: RxSubscription): void {
  if (!session.connection.open) return stream.unsubscribe();
  const replies = (session.replies ??= new Set());
  replies.add(stream);
  stream.add(() => replies.delete(stream));
}
