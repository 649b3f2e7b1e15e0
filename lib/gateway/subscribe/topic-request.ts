import { EMPTY, isObservable, Observable, type Subscription as RxSubscription } from 'rxjs';
import { inOwnContext } from '../../connection/own-context.js';
import { Refusal } from '../../errors/refusals.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import type { Subscription } from '../../topic/subscription.js';
import type { ClientConnection, ClientSession } from '../session/client-session.js';
import type { Endpoint } from '../handshake/endpoint.js';
import type { Invocation, RequestedTopic } from '../nest/invocation.js';
import type { TopicRoom } from './topic-room.js';
import type { TopicSources } from './topic-sources.js';
import { isThenable } from '../nest/wrapped-method.js';

/** Thrown where a filter has answered: nobody is subscribed, and nothing is left to be said. */
export const FILTERED = Symbol('filtered');

/** The route of a topic and its pattern. */
export type Found = NonNullable<ReturnType<Endpoint['topics']['find']>>;

/** The collaborators of {@link TopicRequest}. */
export interface TopicRequestDeps {
  readonly topics: TopicRegistry;
  readonly sources: TopicSources;
  readonly room: TopicRoom;
}

/** One topic that a client asks for, from its message to the answer: what its `@Topic` method is called for. */
export class TopicRequest implements Invocation {
  readonly #session: ClientSession;
  readonly name: string;
  readonly #found: Found;
  readonly #topics: TopicRegistry;
  readonly #sources: TopicSources;
  readonly #room: TopicRoom;
  #isNew: boolean;
  #reserved = false;
  #subscription: Subscription | undefined;
  #topic: RequestedTopic | undefined;
  #isOwner = false;
  #isFiltered = false;
  /** Whether the method has returned an Observable, and who waits to know. */
  #isSource = false;
  #becameSource: (() => void) | undefined;
  /** The credentials of the client when the method was asked. */
  #renewals = 0;

  constructor(
    session: ClientSession,
    name: string,
    found: Found,
    { topics, sources, room }: TopicRequestDeps,
  ) {
    this.#session = session;
    this.name = name;
    this.#found = found;
    this.#topics = topics;
    this.#sources = sources;
    this.#room = room;
    this.#isNew = !session.connection.subscriptions.has(name);
  }

  /**
   * Counts towards the limit from now on, until the subscription is there and counts by itself. False, and nothing is
   * counted, when the client has as many topics as it may.
   */
  reserve(limit: number): boolean {
    if (!this.#isNew) return true;
    const { connection, subscribing } = this.#session;
    if (isFull(connection.subscriptions, subscribing, limit)) return false;
    this.#session.subscribing++;
    return (this.#reserved = true);
  }

  /** Whether the client has renewed its credentials since: what was answered to the old ones does not hold for the new. */
  get outdated(): boolean {
    return this.#renewals !== this.#session.renewals;
  }

  /** Whether what is published from now on follows the answer. */
  get held(): boolean {
    return this.#subscription?.served === false;
  }

  /** Taken apart only when a parameter of the method asks for it. */
  get topic(): RequestedTopic {
    return (this.#topic ??= { name: this.subject, params: this.#found.pattern.paramsOf(this.subject) });
  }

  /** Whether what the client missed may follow a snapshot that has it already. */
  get replays(): boolean {
    return true;
  }

  /** The topic that the method is asked about. */
  protected get subject(): string {
    return this.name;
  }

  /** Makes room for the source that the method returned; false where it must not run for this request. */
  protected claim(): boolean {
    return this.#sources.claim(this.name);
  }

  /** What is published while the method makes the snapshot follows the answer. */
  called(): void {
    if (this.#session.connection.open) this.hold();
  }

  filtered(): void {
    this.#isFiltered = true;
  }

  feedsTopic(): boolean {
    return this.#isOwner;
  }

  streamed(stream: Observable<unknown>, end?: () => void): Observable<unknown> {
    this.#isSource = true;
    this.#becameSource?.();
    this.#isOwner = this.claim();
    if (this.#isOwner) return ofNobody(stream);
    end?.();
    return EMPTY;
  }

  teardownFailed(error: unknown): void {
    this.#sources.teardownFailed(this.name, error);
  }

  /** Asks for a subscription that there is: when it ends meanwhile, it does not come back. */
  adopt(subscription: Subscription): void {
    this.#subscription = subscription;
  }

  /** Goes on in place of another request for the topic: what that one has taken is this one's. */
  inherit(from: TopicRequest): void {
    this.#isNew = from.#isNew;
    this.#subscription = from.#subscription;
    this.#reserved = from.#reserved;
    from.#reserved = false;
  }

  /**
   * The subscription, held until it is activated. What is published from the first call on is not missed.
   * @throws Refusal FORBIDDEN when the server has ended it meanwhile: what it revoked must not come back; BUSY when there
   * are too many topics by now
   */
  hold(): Subscription {
    this.#release();
    const { connection } = this.#session;
    if (this.#subscription !== undefined && connection.subscriptions.get(this.name) !== this.#subscription) {
      throw new Refusal('FORBIDDEN', this.name);
    }
    if (this.#subscription === undefined) {
      this.#room.assert(this.name);
      this.#subscription = this.#topics.hold(connection, this.name);
    }
    this.#subscription.markRequested();
    return this.#subscription;
  }

  /**
   * Runs the `@Topic` method. Its last value is the snapshot; a source has none. A promise only where the method or
   * what is around it takes time. @throws what refuses the client, or rejects with it
   */
  ask(payload: unknown): unknown {
    const { route } = this.#found;
    this.#renewals = this.#session.renewals;
    const result = route.handle(this.#session.connection.socket, payload, this, route.pattern);
    return isThenable(result) || isObservable(result) ? this.#settle(result) : this.#unfiltered(result);
  }

  async #settle(promised: unknown): Promise<unknown> {
    const result = await promised;
    if (!isObservable(result) || this.#isFiltered) return this.#unfiltered(result);
    const { subscription, value } = this.#sources.connect(this.name, result, () => this.#isOwner);
    // A source is the topic's, also when the client that brought it about is closing by now.
    if (!this.#isOwner) untilClosed(this.#session, subscription);
    const snapshot = await Promise.race([this.#untilSource(), value]);
    if (this.#isOwner) {
      this.#feed(subscription);
      return undefined;
    }
    // What an interceptor adds to a source that runs already is nobody's.
    subscription.unsubscribe();
    return this.#unfiltered(snapshot);
  }

  #untilSource(): Promise<void> {
    if (this.#isSource) return Promise.resolve();
    return new Promise(resolve => (this.#becameSource = resolve));
  }

  #unfiltered(snapshot: unknown): unknown {
    if (this.#isFiltered) throw FILTERED;
    return snapshot;
  }

  /** Gives back what was taken for a client that is refused. */
  abandon(): void {
    const subscription = this.#session.connection.subscriptions.get(this.name);
    if (this.#isNew && subscription?.served === false) this.#topics.leave(subscription);
  }

  /** Called in the end, whatever it was. */
  end(): void {
    this.#release();
    // The connection may have gone while the method ran, before its source was there to be stopped.
    if (this.#topics.find(this.name)?.vacant !== false) this.#sources.stop(this.name);
  }

  /** The stream belongs to the topic from now on, and outlives the connection that brought it about. */
  #feed(stream: RxSubscription): void {
    this.#session.replies?.delete(stream);
    if (!this.#sources.attach(this.name, stream)) throw new Refusal('SOURCE_FAILED', this.name);
  }

  #release(): void {
    if (this.#reserved) this.#session.subscribing--;
    this.#reserved = false;
  }
}

/** Starts a source outside of every context, because the source serves the topic and not the client that started it. */
function ofNobody(stream: Observable<unknown>): Observable<unknown> {
  return new Observable(values => inOwnContext(() => stream.subscribe(values)));
}

/** Whether the client has as many topics as it may, those included that it is just asking for. */
function isFull(
  subscriptions: ClientConnection['subscriptions'],
  subscribing: number,
  limit: number,
): boolean {
  // The server may have subscribed it to more. Only then they need to be told apart, and that takes a look at each.
  if (subscriptions.size + subscribing < limit) return false;
  let requested = subscribing;
  for (const subscription of subscriptions.values()) if (subscription.requested) requested++;
  return requested >= limit;
}

/** A stream that one client asked for ends with its connection, also when that has gone while the method ran. */
function untilClosed(session: ClientSession, stream: RxSubscription): void {
  if (!session.connection.open) return stream.unsubscribe();
  const replies = (session.replies ??= new Set());
  replies.add(stream);
  stream.add(() => replies.delete(stream));
}
