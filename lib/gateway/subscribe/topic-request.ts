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

/** Marker thrown when a filter has answered: the client is not subscribed and gets no further answer. */
export const FILTERED = Symbol('filtered');

/** Route and pattern of a topic. */
export type Found = NonNullable<ReturnType<Endpoint['topics']['find']>>;

/** The collaborators of {@link TopicRequest}. */
export interface TopicRequestDeps {
  readonly topics: TopicRegistry;
  readonly sources: TopicSources;
  readonly room: TopicRoom;
}

/** Request for one topic, from the client's message to the answer. Calls the topic's `@Topic` method. */
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
  /** True once the method has returned an Observable. `#becameSource` resolves a wait for this. */
  #isSource = false;
  #becameSource: (() => void) | undefined;
  /** Number of renewals of the client's credentials when the method was called. */
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
   * Counts this request towards the limit, until its subscription exists and counts instead. Returns false, and counts
   * nothing, if the limit is reached.
   */
  reserve(limit: number): boolean {
    if (!this.#isNew) return true;
    const { connection, subscribing } = this.#session;
    if (isFull(connection.subscriptions, subscribing, limit)) return false;
    this.#session.subscribing++;
    return (this.#reserved = true);
  }

  /** True if the client has renewed its credentials since the call. The result then no longer counts. */
  get outdated(): boolean {
    return this.#renewals !== this.#session.renewals;
  }

  /** True if publications from now on will follow the answer. */
  get held(): boolean {
    return this.#subscription?.served === false;
  }

  /** Name and parameters of the topic, computed only when the method needs them. */
  get topic(): RequestedTopic {
    return (this.#topic ??= { name: this.subject, params: this.#found.pattern.paramsOf(this.subject) });
  }

  /** True if missed publications may follow a snapshot that already contains them. */
  get replays(): boolean {
    return true;
  }

  /** Topic that the method is asked about. */
  protected get subject(): string {
    return this.name;
  }

  /** Reserves the source of the topic. Returns false if the source must not run for this request. */
  protected claim(): boolean {
    return this.#sources.claim(this.name);
  }

  /** Holds the subscription: publications during the method follow the answer. */
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

  /** Takes an existing subscription for this request. A subscription that ends meanwhile does not come back. */
  adopt(subscription: Subscription): void {
    this.#subscription = subscription;
  }

  /** Replaces another request for the topic and takes over its reservations. */
  inherit(from: TopicRequest): void {
    this.#isNew = from.#isNew;
    this.#subscription = from.#subscription;
    this.#reserved = from.#reserved;
    from.#reserved = false;
  }

  /**
   * Returns the subscription, held until it is activated. No publication after the first call is missed.
   * @throws Refusal FORBIDDEN when the server has ended the subscription meanwhile, because a revoked one must not come
   *   back; BUSY when there are too many topics now
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
   * Runs the `@Topic` method. Its last value is the snapshot; a source has no snapshot. Returns a promise only if the
   * method or its enhancers take time.
   * @throws the refusal or error of the method and its enhancers, or rejects with it
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
    // A source belongs to the topic, even if the client that started it is closing.
    if (!this.#isOwner) untilClosed(this.#session, subscription);
    const snapshot = await Promise.race([this.#untilSource(), value]);
    if (this.#isOwner) {
      this.#feed(subscription);
      return undefined;
    }
    // Values that an interceptor adds to a running source have no receiver.
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

  /** Releases the held subscription of a refused client. */
  abandon(): void {
    const subscription = this.#session.connection.subscriptions.get(this.name);
    if (this.#isNew && subscription?.served === false) this.#topics.leave(subscription);
  }

  /** Ends the request, whatever the answer was. */
  end(): void {
    this.#release();
    // The connection may have closed while the method ran, before its source could be stopped.
    if (this.#topics.find(this.name)?.vacant !== false) this.#sources.stop(this.name);
  }

  /** Attaches the stream to the topic. The stream outlives the connection that started it. */
  #feed(stream: RxSubscription): void {
    this.#session.replies?.delete(stream);
    if (!this.#sources.attach(this.name, stream)) throw new Refusal('SOURCE_FAILED', this.name);
  }

  #release(): void {
    if (this.#reserved) this.#session.subscribing--;
    this.#reserved = false;
  }
}

/** Starts a source outside of every async context, because the source serves the topic and not one client. */
function ofNobody(stream: Observable<unknown>): Observable<unknown> {
  return new Observable(values => inOwnContext(() => stream.subscribe(values)));
}

/** Tells whether a client has reached its limit of topics, counting pending requests. */
function isFull(
  subscriptions: ClientConnection['subscriptions'],
  subscribing: number,
  limit: number,
): boolean {
  // The server may have subscribed the connection to more topics. Only near the limit each one must be checked.
  if (subscriptions.size + subscribing < limit) return false;
  let requested = subscribing;
  for (const subscription of subscriptions.values()) if (subscription.requested) requested++;
  return requested >= limit;
}

/** Ends a client's own stream with its connection, also if the connection has closed while the method ran. */
function untilClosed(session: ClientSession, stream: RxSubscription): void {
  if (!session.connection.open) return stream.unsubscribe();
  const replies = (session.replies ??= new Set());
  replies.add(stream);
  stream.add(() => replies.delete(stream));
}
