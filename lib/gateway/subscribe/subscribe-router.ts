import type { Delivery } from '../../broadcast/delivery.js';
import { Refusal } from '../../errors/refusals.js';
import { rateClass } from '../../topic/rate-class.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import { type Subscription } from '../../topic/subscription.js';
import type { RejectionCause } from '../../observe/rejections.js';
import type { MessageId } from '../../protocol/frames.js';
import type { Command } from '../../protocol/protocol.js';
import type { Answers } from '../session/answers.js';
import type { ClientConnection, ClientSession } from '../session/client-session.js';
import { CountedRefusal } from '../session/counted-refusal.js';
import { recover } from './recovered-position.js';
import { namedTopics, payloads, validNames } from '../nest/named-topics.js';
import { FILTERED, type TopicRequest } from './topic-request.js';
import { type TopicRequests, unmatched } from './topic-requests.js';
import type { TopicRoom } from './topic-room.js';
import type { TopicSources } from './topic-sources.js';
import type { UsageLimits } from '../../limits/usage-limits.js';
import { isThenable } from '../nest/wrapped-method.js';

/** The collaborators of {@link SubscribeRouter}. */
export interface SubscribeDeps {
  readonly delivery: Delivery;
  readonly sources: TopicSources;
  readonly requests: TopicRequests;
  readonly answers: Answers;
  readonly usage: UsageLimits;
  readonly room: TopicRoom;
  /** Load of the process. During an overload clients get no new subscriptions. */
  readonly load: { readonly overload: RejectionCause | undefined };
  /** Most topics that a client may subscribe a connection to. */
  readonly topicsPerConnection: number;
}

/** Fields of the client's message that the answer needs. */
interface Asked {
  readonly id: MessageId | undefined;
  /** Position from which the client wants to continue. */
  readonly since: string | undefined;
  /** Granted rate class; undefined if the client asked for none. */
  readonly maxRate: number | undefined;
  /** True if missed publications may follow the snapshot. */
  readonly replays: boolean;
}

/** Subscribes and unsubscribes connections, for messages of clients and for calls of the server. */
export class SubscribeRouter {
  readonly #deps: SubscribeDeps;
  readonly #topics: TopicRegistry;
  readonly #delivery: Delivery;
  readonly #sources: TopicSources;
  readonly #requests: TopicRequests;
  readonly #answers: Answers;
  readonly #limit: number;
  /** Subscriptions by the server that start when the client has read its earlier answers. */
  readonly #promised = new WeakSet<Subscription>();

  constructor(deps: SubscribeDeps) {
    this.#deps = deps;
    this.#delivery = deps.delivery;
    this.#topics = deps.delivery.topics;
    this.#sources = deps.sources;
    this.#requests = deps.requests;
    this.#answers = deps.answers;
    this.#limit = deps.topicsPerConnection;
  }

  /**
   * Handles a `subscribe` message. Each topic in the message has its own answer. Returns a promise if one of the topics
   * takes time.
   * @throws Refusal for the message as a whole
   */
  subscribe(session: ClientSession, command: Command): void | Promise<void> {
    const named = namedTopics(command.data, this.#limit);
    this.#assertMayAsk(session, named.size);
    const names = validNames(named, () => this.#answers.fail(session, command.id, new Refusal('BAD_TOPIC')));
    if (names.length === 0) return undefined;
    const payloadOf = payloads(command.data as object);
    const { connection } = session;
    let waiting: Promise<void>[] | undefined;
    for (const name of names) {
      // The connection may have been closed by one of the topics.
      if (!connection.open) break;
      const answered = connection.full
        ? connection.whenRead(() => this.#subscribe(session, command, name, payloadOf(name)))
        : this.#subscribe(session, command, name, payloadOf(name));
      if (answered !== undefined) (waiting ??= []).push(answered);
    }
    return waiting && Promise.all(waiting).then(() => {});
  }

  /**
   * Handles an `unsubscribe` message. An unsubscribe without a subscription is answered too, because the client has
   * what it wants. Such answers are limited like subscribes. Leaving a topic is never limited.
   * @throws Refusal for the message as a whole, or for all its topics without a subscription
   */
  unsubscribe(session: ClientSession, command: Command): void {
    const { connection } = session;
    const others = new Set<unknown>();
    for (const name of namedTopics(command.data, this.#limit)) {
      const subscription = connection.subscriptions.get(name as string);
      if (subscription === undefined) {
        others.add(name);
        continue;
      }
      this.#topics.leave(subscription, 'unsubscribed');
      this.#answers.unsubscribed(connection, name as string, 'unsubscribed', command.id);
    }
    if (others.size === 0) return;
    this.#assertMayAsk(session, others.size);
    for (const name of validNames(others, () =>
      this.#answers.fail(session, command.id, new Refusal('BAD_TOPIC')),
    ))
      this.#answers.unsubscribed(connection, name, 'unsubscribed', command.id);
  }

  /** Subscribes without asking the topic's method. @throws FanoutError FANOUT_TOPIC_NAME */
  subscribeFromServer(connection: ClientConnection, name: string): boolean {
    if (!connection.open) return false;
    const subscription = this.#topics.hold(connection, name);
    if (subscription.served || subscription.answered || this.#promised.has(subscription)) return false;
    if (!connection.full) {
      this.#startFromServer(connection, subscription);
      return true;
    }
    this.#promised.add(subscription);
    void connection.whenRead(() => this.#startFromServer(connection, subscription));
    return true;
  }

  #startFromServer(connection: ClientConnection, subscription: Subscription): void {
    const { topic, served, answered } = subscription;
    this.#promised.delete(subscription);
    // Meanwhile the server may have ended the subscription, or the client's own request was answered.
    if (served || answered || connection.subscriptions.get(topic.name) !== subscription) return;
    const snapshot = this.#requests.snapshotOf(topic.name);
    // The subscription may already be held for a request of the client. The snapshot contains everything since then.
    if (snapshot !== undefined) subscription.advance(topic.log.head);
    this.#start(connection, subscription, {}, snapshot);
  }

  /** Ends a subscription and the presence of its topic. @throws FanoutError FANOUT_TOPIC_NAME */
  unsubscribeFromServer(connection: ClientConnection, name: string): boolean {
    this.#topics.find(name);
    const ended = this.#end(connection, name);
    // A client without a topic may not see its subscribers.
    const presence = this.#requests.presenceOf(name);
    return (presence !== undefined && this.#end(connection, presence)) || ended;
  }

  #end(connection: ClientConnection, name: string): boolean {
    const subscription = connection.subscriptions.get(name);
    if (subscription === undefined) return false;
    // Earlier publications still belong to this subscription, and no later flush would write them.
    this.#delivery.finish(subscription);
    connection.requestWrite();
    this.#topics.leave(subscription, 'removed');
    this.#answers.unsubscribed(connection, name, 'removed');
    return true;
  }

  /** Hands over publications that are not flushed yet, because the connection is about to close. */
  finish(connection: ClientConnection): void {
    for (const subscription of connection.subscriptions.values()) this.#delivery.finish(subscription);
  }

  #assertMayAsk(session: ClientSession, topics: number): void {
    if (this.#deps.usage.mayAsk(session, topics)) return;
    throw new CountedRefusal('RATE_LIMITED', 'subscribe-rate');
  }

  /** Returns the limit that one more topic would exceed; undefined if there is none. */
  #exceededLimit({ connection }: ClientSession, name: string): RejectionCause | undefined {
    const { load, room } = this.#deps;
    if (connection.subscriptions.has(name)) return undefined;
    return load.overload ?? (room.has(name) ? undefined : 'topics');
  }

  /** Handles one topic of a message. The answer comes at once if the topic's method returns at once. */
  #subscribe(
    session: ClientSession,
    { id, data }: Command,
    name: string,
    payload: object,
  ): void | Promise<void> {
    // The connection may have closed during the wait.
    if (!session.connection.open) return;
    const { since, maxRate } = data as { since?: unknown; maxRate?: unknown };
    const request = this.#requests.for(session, name);
    if (request === undefined) return this.#answers.fail(session, id, unmatched(name));
    const rate = maxRate === undefined ? undefined : rateClass(maxRate);
    if (maxRate !== undefined && (rate === undefined || this.#topics.policyOf(name).keyOf === undefined))
      return this.#answers.fail(session, id, new Refusal('BAD_RATE', name));
    const { replays } = request;
    const from = typeof since === 'string' ? since : undefined;
    const asked: Asked = { id, since: from, maxRate: rate, replays };
    const cause = this.#exceededLimit(session, name);
    if (cause !== undefined) return this.#answers.fail(session, id, new CountedRefusal('BUSY', cause, name));
    if (!request.reserve(this.#limit))
      return this.#answers.fail(session, id, new Refusal('TOO_MANY_TOPICS', name));
    return this.#ask(session, request, asked, payload);
  }

  #ask(session: ClientSession, request: TopicRequest, asked: Asked, payload: object): void | Promise<void> {
    try {
      const snapshot = request.ask(payload);
      if (!isThenable(snapshot)) return this.#answer(session, request, asked, snapshot);
      return (snapshot as Promise<unknown>).then(
        value => this.#answerInTurn(session, request, asked, payload, value),
        error => this.#refuse(session, request, asked, error),
      );
    } catch (error) {
      return this.#refuse(session, request, asked, error);
    }
  }

  /** Answers after the method took time. Other requests may have been answered meanwhile. */
  #answerInTurn(
    session: ClientSession,
    request: TopicRequest,
    asked: Asked,
    payload: object,
    snapshot: unknown,
  ): void | Promise<void> {
    const { connection } = session;
    if (request.outdated) return this.#askAgain(session, request, asked, payload);
    if (!connection.full) return this.#answer(session, request, asked, snapshot);
    // Publications during the wait follow the answer only if the subscription is held.
    if (!request.held) return connection.whenRead(() => this.#askAgain(session, request, asked, payload));
    return connection.whenRead(() => this.#answerInTurn(session, request, asked, payload, snapshot));
  }

  /** Asks again, because the client renewed its credentials while the method ran with the old ones. */
  #askAgain(
    session: ClientSession,
    outdated: TopicRequest,
    asked: Asked,
    payload: object,
  ): void | Promise<void> {
    // The topic was found before, and the topics of a path never change.
    const request = this.#requests.for(session, outdated.name)!;
    request.inherit(outdated);
    outdated.end();
    return this.#ask(session, request, asked, payload);
  }

  #answer(session: ClientSession, request: TopicRequest, asked: Asked, snapshot: unknown): void {
    try {
      if (session.connection.open) this.#start(session.connection, request.hold(), asked, snapshot);
    } catch (error) {
      return this.#refuse(session, request, asked, error);
    }
    request.end();
  }

  #refuse(session: ClientSession, request: TopicRequest, { id }: Asked, error: unknown): void {
    request.abandon();
    request.end();
    if (error !== FILTERED) this.#answers.fail(session, id, error, request.name);
  }

  /** Answers, delivers the missed publications, and goes on with new ones. */
  #start(
    connection: ClientConnection,
    subscription: Subscription,
    { id, since, maxRate, replays }: Partial<Asked>,
    snapshot?: unknown,
  ): void {
    const { topic, lane, answered } = subscription;
    const interval = maxRate === undefined ? 0 : 1000 / maxRate;
    topic.assign(subscription, interval);
    const isSetBack = replays === true && !answered;
    const recovered = since === undefined ? undefined : recover(this.#topics, subscription, since, isSetBack);
    // The interval of the topic itself may be longer than the requested one.
    const granted =
      subscription.lane.interval > interval ? maxRate && 1000 / subscription.lane.interval : maxRate;
    this.#answers.subscribed(connection, subscription, { id, recovered, maxRate: granted }, snapshot);
    // The snapshot's toJSON may have closed the connection or ended the subscription.
    if (!subscription.served && subscription.state !== 'ended') {
      // The method is never asked about a client that the server has subscribed.
      subscription.markRenewable(subscription.requested && snapshot !== undefined);
      if (!subscription.format.endsAtLoss) this.#answers.skipped(connection, subscription);
      if (recovered) this.#delivery.catchUp.recover(subscription);
      else this.#delivery.catchUp.join(subscription);
      this.#topics.answered(subscription);
    } else if (subscription.live && subscription.lane !== lane) {
      // The new lane may be flushed further than this subscription.
      this.#delivery.catchUp.join(subscription);
    }
    this.#sources.start(topic.name);
  }
}
