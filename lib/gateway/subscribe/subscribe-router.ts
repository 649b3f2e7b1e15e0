import type { Delivery } from '../../broadcast/delivery.js';
import { Refusal } from '../../errors/refusals.js';
import { rateClass } from '../../topic/rate-class.js';
import type { TopicRegistry } from '../../topic/topic-registry.js';
import { type Subscription } from '../../topic/subscription.js';
import type { RejectionCause } from '../../observe/rejections.js';
import { announceGap, announceLoss } from '../session/announced-losses.js';
import type { ClientConnection, ClientSession } from '../session/client-session.js';
import { CountedRefusal } from '../session/counted-refusal.js';
import type { Message, MessageId } from '../session/message.js';
import { recover } from './recovered-position.js';
import { namedTopics, payloads, validNames } from '../nest/named-topics.js';
import { subscribedText, unsubscribedText } from './topic-answers.js';
import { FILTERED, type TopicRequest } from './topic-request.js';
import { type TopicRequests, unmatched } from './topic-requests.js';
import type { TopicRoom } from './topic-room.js';
import type { TopicSources } from './topic-sources.js';
import type { UsageLimits } from '../../limits/usage-limits.js';
import { isThenable } from '../nest/wrapped-method.js';

/** Answers a request that is refused. */
export type Fail = (
  session: ClientSession,
  id: MessageId | undefined,
  error: unknown,
  topic?: string,
) => void;

/** The collaborators of {@link SubscribeRouter}. */
export interface SubscribeDeps {
  readonly delivery: Delivery;
  readonly sources: TopicSources;
  readonly requests: TopicRequests;
  readonly usage: UsageLimits;
  readonly room: TopicRoom;
  /** While it says that there is too much to do, clients get no new subscriptions. */
  readonly load: { readonly overload: RejectionCause | undefined };
  /** Topics one connection may be subscribed to by its own wish. */
  readonly topicsPerConnection: number;
}

/** What the answer to a topic's subscribe takes from the client's message. */
interface Asked {
  readonly id: MessageId | undefined;
  /** The position it wants to go on from. */
  readonly since: string | undefined;
  /** The rate class it gets; undefined when it asked for none. */
  readonly maxRate: number | undefined;
  /** Whether what it missed may follow the snapshot. */
  readonly replays: boolean;
  readonly fail: Fail;
}

/** Subscribes and unsubscribes connections: by their own message, or from the server's side. */
export class SubscribeRouter {
  readonly #deps: SubscribeDeps;
  readonly #topics: TopicRegistry;
  readonly #delivery: Delivery;
  readonly #sources: TopicSources;
  readonly #requests: TopicRequests;
  readonly #limit: number;

  constructor(deps: SubscribeDeps) {
    this.#deps = deps;
    this.#delivery = deps.delivery;
    this.#topics = deps.delivery.topics;
    this.#sources = deps.sources;
    this.#requests = deps.requests;
    this.#limit = deps.topicsPerConnection;
  }

  /**
   * Handles a `subscribe` message; each topic in it is answered by itself. A promise while one of them takes time.
   * @throws Refusal for the message as a whole
   */
  subscribe(session: ClientSession, message: Message, fail: Fail): void | Promise<void> {
    const named = namedTopics(message.data, this.#limit);
    this.#assertMayAsk(session, named.size);
    const names = validNames(named, () => fail(session, message.id, new Refusal('BAD_TOPIC')));
    if (names.length === 0) return undefined;
    const payloadOf = payloads(message.data as object);
    const { connection } = session;
    let waiting: Promise<void>[] | undefined;
    for (const name of names) {
      // It may have been closed for one of them.
      if (!connection.open) break;
      const answered = connection.full
        ? connection.whenRead(() => this.#subscribe(session, message, name, payloadOf(name), fail))
        : this.#subscribe(session, message, name, payloadOf(name), fail);
      if (answered !== undefined) (waiting ??= []).push(answered);
    }
    return waiting && Promise.all(waiting).then(() => {});
  }

  /**
   * Handles an `unsubscribe` message. Answered also when there was no subscription: the client wants none, and has none.
   * Such answers are limited as subscribes are; to leave a topic is always possible.
   * @throws Refusal for the message as a whole, or for all in it that there is no subscription to
   */
  unsubscribe(session: ClientSession, message: Message, fail: Fail): void {
    const { connection } = session;
    const others = new Set<unknown>();
    for (const name of namedTopics(message.data, this.#limit)) {
      const subscription = connection.subscriptions.get(name as string);
      if (subscription === undefined) {
        others.add(name);
        continue;
      }
      this.#topics.leave(subscription, 'unsubscribed');
      connection.sendText(unsubscribedText(name as string, message.id));
    }
    if (others.size === 0) return;
    this.#assertMayAsk(session, others.size);
    for (const name of validNames(others, () => fail(session, message.id, new Refusal('BAD_TOPIC'))))
      connection.sendText(unsubscribedText(name, message.id));
  }

  /** Subscribes without asking the topic's method. @throws FanoutError FANOUT_TOPIC_NAME */
  subscribeFromServer(connection: ClientConnection, name: string): boolean {
    if (!connection.open) return false;
    const subscription = this.#topics.hold(connection, name);
    if (subscription.served || subscription.answered) return false;
    if (connection.full) void connection.whenRead(() => this.#startFromServer(connection, subscription));
    else this.#startFromServer(connection, subscription);
    return true;
  }

  #startFromServer(connection: ClientConnection, subscription: Subscription): void {
    const { topic, served, answered } = subscription;
    // The server may have ended it meanwhile, or it was the answer to a request of the client's own.
    if (served || answered || connection.subscriptions.get(topic.name) !== subscription) return;
    const snapshot = this.#requests.snapshotOf(topic.name);
    // It may be held already, for a request of the client's own, and what came since is in the snapshot.
    if (snapshot !== undefined) subscription.advance(topic.log.head);
    this.#start(connection, subscription, {}, snapshot);
  }

  /** @throws FanoutError FANOUT_TOPIC_NAME */
  unsubscribeFromServer(connection: ClientConnection, name: string): boolean {
    this.#topics.find(name);
    const ended = this.#end(connection, name);
    // Who may not have a topic may not know who else has it.
    const presence = this.#requests.presenceOf(name);
    return (presence !== undefined && this.#end(connection, presence)) || ended;
  }

  #end(connection: ClientConnection, name: string): boolean {
    const subscription = connection.subscriptions.get(name);
    if (subscription === undefined) return false;
    // What was published before is still for it; nobody else would write it, now that the topic lets go.
    this.#delivery.finish(subscription);
    connection.requestWrite();
    this.#topics.leave(subscription, 'removed');
    connection.sendText(unsubscribedText(name));
    return true;
  }

  /** Hands over what was published and not flushed yet: the connection is about to close. */
  finish(connection: ClientConnection): void {
    for (const subscription of connection.subscriptions.values()) this.#delivery.finish(subscription);
  }

  #assertMayAsk(session: ClientSession, topics: number): void {
    if (this.#deps.usage.mayAsk(session, topics)) return;
    throw new CountedRefusal('RATE_LIMITED', 'subscribe-rate');
  }

  /** Why a client may not have one more topic now; undefined when it may. */
  #refusalOf({ connection }: ClientSession, name: string): RejectionCause | undefined {
    const { load, room } = this.#deps;
    if (connection.subscriptions.has(name)) return undefined;
    return load.overload ?? (room.has(name) ? undefined : 'topics');
  }

  /** One topic of a message: answered now where its method answers now. */
  #subscribe(
    session: ClientSession,
    { id, data }: Message,
    name: string,
    payload: object,
    fail: Fail,
  ): void | Promise<void> {
    // It may have gone while it was waited for.
    if (!session.connection.open) return;
    const { since, maxRate } = data as { since?: unknown; maxRate?: unknown };
    const request = this.#requests.for(session, name);
    if (request === undefined) return fail(session, id, unmatched(name));
    const rate = maxRate === undefined ? undefined : rateClass(maxRate);
    if (maxRate !== undefined && (rate === undefined || this.#topics.policyOf(name).keyOf === undefined))
      return fail(session, id, new Refusal('BAD_RATE', name));
    const { replays } = request;
    const from = typeof since === 'string' ? since : undefined;
    const asked: Asked = { id, since: from, maxRate: rate, replays, fail };
    const cause = this.#refusalOf(session, name);
    if (cause !== undefined) return fail(session, id, new CountedRefusal('BUSY', cause, name));
    if (!request.reserve(this.#limit)) return fail(session, id, new Refusal('TOO_MANY_TOPICS', name));
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

  /** The method has taken its time, in which others may have been answered. */
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
    // What is published meanwhile follows the answer only where it is held for that.
    if (!request.held) return connection.whenRead(() => this.#askAgain(session, request, asked, payload));
    return connection.whenRead(() => this.#answerInTurn(session, request, asked, payload, snapshot));
  }

  /** The client has renewed its credentials while the method ran, which has answered to the old ones. */
  #askAgain(
    session: ClientSession,
    outdated: TopicRequest,
    asked: Asked,
    payload: object,
  ): void | Promise<void> {
    // What was there once, is: the topics of a path do not change.
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

  #refuse(session: ClientSession, request: TopicRequest, { id, fail }: Asked, error: unknown): void {
    request.abandon();
    request.end();
    if (error !== FILTERED) fail(session, id, error, request.name);
  }

  /** Answers, then delivers what the subscription missed, then everything. */
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
    // The topic's own window may be longer than the one that was asked for.
    const granted =
      subscription.lane.interval > interval ? maxRate && 1000 / subscription.lane.interval : maxRate;
    const answer = subscribedText(subscription, id, { recovered, maxRate: granted }, snapshot);
    // After all that may throw: a new snapshot for what it lost may still be in the making.
    announceLoss(connection, subscription);
    connection.answer(answer);
    // The snapshot's toJSON may have closed the connection or ended the subscription.
    if (!subscription.served && subscription.state !== 'ended') {
      // The method is not asked again about whom the server has subscribed.
      subscription.markRenewable(subscription.requested && snapshot !== undefined);
      announceGap(connection, subscription);
      if (recovered) this.#delivery.catchUp.recover(subscription);
      else this.#delivery.catchUp.join(subscription);
      this.#topics.answered(subscription);
    } else if (subscription.live && subscription.lane !== lane) {
      // Those it belongs to now may have been served further than it was.
      this.#delivery.catchUp.join(subscription);
    }
    this.#sources.start(topic.name);
  }
}
