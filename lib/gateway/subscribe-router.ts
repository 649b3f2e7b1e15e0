import type { Delivery } from '../broadcast/delivery.js';
import { Refusal } from '../errors/refusals.js';
import { reachOf } from '../topic/reach.js';
import { rateClass } from '../topic/rate-class.js';
import { isTopicName } from '../topic/topic-name.js';
import type { TopicRegistry } from '../topic/topic-registry.js';
import { type Subscription } from '../topic/subscription.js';
import { offsetIn } from '../topic/position.js';
import { gapText } from '../wire/gap-frame.js';
import type { ClientConnection, ClientSession } from './client-session.js';
import type { Message, MessageId } from './message.js';
import { subscribedText, unsubscribedText } from './topic-answers.js';
import { FILTERED, type TopicRequest } from './topic-request.js';
import type { TopicRequests } from './topic-requests.js';
import type { TopicSources } from './topic-sources.js';
import { isThenable } from './wrapped-method.js';

/** Answers a request that is refused. */
export type Fail = (
  session: ClientSession,
  id: MessageId | undefined,
  error: unknown,
  topic?: string,
) => void;

/** What the answer to a topic's subscribe takes from the client's message. */
interface Asked {
  readonly id: MessageId | undefined;
  /** The position it wants to go on from. */
  readonly since: string | undefined;
  /** The rate class it gets; undefined when it asked for none. */
  readonly maxRate: number | undefined;
  readonly fail: Fail;
}

/** Subscribes and unsubscribes connections: by their own message, or from the server's side. */
export class SubscribeRouter {
  readonly #topics: TopicRegistry;
  readonly #delivery: Delivery;
  readonly #sources: TopicSources;
  readonly #requests: TopicRequests;
  readonly #limit: number;

  /** @param limit topics one connection may be subscribed to by its own wish */
  constructor(delivery: Delivery, sources: TopicSources, requests: TopicRequests, limit: number) {
    this.#delivery = delivery;
    this.#topics = delivery.topics;
    this.#sources = sources;
    this.#requests = requests;
    this.#limit = limit;
  }

  /** Handles a `subscribe` message; each topic in it is answered by itself. A promise while one of them takes time. */
  subscribe(session: ClientSession, message: Message, fail: Fail): void | Promise<void> {
    const names = this.#namesIn(session, message, fail);
    if (names.length === 0) return undefined;
    const payloadOf = payloads(message.data as object);
    let waiting: Promise<void>[] | undefined;
    for (const name of names) {
      const answered = this.#subscribe(session, message, name, payloadOf(name), fail);
      if (answered !== undefined) (waiting ??= []).push(answered);
    }
    return waiting && Promise.all(waiting).then(() => {});
  }

  /** Handles an `unsubscribe` message. Answered also when there was no subscription: the client wants none, and has none. */
  unsubscribe(session: ClientSession, message: Message, fail: Fail): void {
    const { connection } = session;
    for (const name of this.#namesIn(session, message, fail)) {
      const subscription = connection.subscriptions.get(name);
      if (subscription !== undefined) this.#topics.leave(subscription);
      connection.sendText(unsubscribedText(name, message.id));
    }
  }

  /** Subscribes without asking the topic's method. @throws FanoutError FANOUT_TOPIC_NAME */
  subscribeFromServer(connection: ClientConnection, name: string): boolean {
    if (!connection.open) return false;
    const subscription = this.#topics.hold(connection, name);
    if (!subscription.held || subscription.answered) return false;
    const snapshot = this.#requests.snapshotOf(name);
    // It may be held already, for a request of the client's own, and what came since is in the snapshot.
    if (snapshot !== undefined) subscription.cursor = subscription.topic.log.head;
    this.#start(connection, subscription, {}, snapshot);
    return true;
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
    this.#topics.leave(subscription);
    connection.sendText(unsubscribedText(name));
    return true;
  }

  /** Hands over what was published and not flushed yet: the connection is about to close. */
  finish(connection: ClientConnection): void {
    for (const subscription of connection.subscriptions.values()) this.#delivery.finish(subscription);
  }

  #namesIn(session: ClientSession, { id, data }: Message, fail: Fail): readonly string[] {
    const { topic, topics } = (typeof data === 'object' && data !== null ? data : {}) as {
      topic?: unknown;
      topics?: unknown;
    };
    const names: readonly unknown[] = Array.isArray(topics) ? topics : [topic];
    // Two ways to name topics in one message: whoever reads one of them, such as a guard, would miss the other.
    if (topics !== undefined && topic !== undefined) {
      fail(session, id, new Refusal('BAD_TOPIC'));
      return [];
    }
    if (names.length === 0) fail(session, id, new Refusal('BAD_TOPIC'));
    // More than may be subscribed is refused whole: an answer to each would be many times the question.
    if (names.length > Math.max(1, this.#limit)) {
      fail(session, id, new Refusal('TOO_MANY_TOPICS'));
      return [];
    }
    return [...new Set(names)].filter((name): name is string => {
      const valid = isTopicName(name);
      if (!valid) fail(session, id, new Refusal('BAD_TOPIC'));
      return valid;
    });
  }

  /** One topic of a message: answered now where its method answers now. */
  #subscribe(
    session: ClientSession,
    { id, data }: Message,
    name: string,
    payload: object,
    fail: Fail,
  ): void | Promise<void> {
    const { since, maxRate } = data as { since?: unknown; maxRate?: unknown };
    const request = this.#requests.for(session, name);
    if (request === undefined) return fail(session, id, new Refusal('UNKNOWN_TOPIC', name));
    const rate = maxRate === undefined ? undefined : rateClass(maxRate);
    if (maxRate !== undefined && (rate === undefined || this.#topics.policyOf(name).keyOf === undefined))
      return fail(session, id, new Refusal('BAD_RATE', name));
    const asked: Asked = { id, since: typeof since === 'string' ? since : undefined, maxRate: rate, fail };
    if (!request.reserve(this.#limit)) return fail(session, id, new Refusal('TOO_MANY_TOPICS', name));
    return this.#ask(session, request, asked, payload);
  }

  #ask(session: ClientSession, request: TopicRequest, asked: Asked, payload: object): void | Promise<void> {
    try {
      const snapshot = request.ask(payload);
      if (!isThenable(snapshot)) return this.#answer(session, request, asked, snapshot);
      return (snapshot as Promise<unknown>).then(
        value =>
          request.outdated
            ? this.#askAgain(session, request, asked, payload)
            : this.#answer(session, request, asked, value),
        error => this.#refuse(session, request, asked, error),
      );
    } catch (error) {
      return this.#refuse(session, request, asked, error);
    }
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
    { id, since, maxRate }: Partial<Asked>,
    snapshot?: unknown,
  ): void {
    const { topic, lane, answered } = subscription;
    // A new snapshot for it may be in the making.
    announceLoss(connection, subscription);
    const interval = maxRate === undefined ? 0 : 1000 / maxRate;
    topic.assign(subscription, interval);
    const recovered = since === undefined ? undefined : this.#recover(subscription, since, !answered);
    // The topic's own window may be longer than the one that was asked for.
    const granted =
      subscription.lane.interval > interval ? maxRate && 1000 / subscription.lane.interval : maxRate;
    connection.sendText(subscribedText(subscription, id, { recovered, maxRate: granted }, snapshot));
    // The snapshot's toJSON may have closed the connection or ended the subscription.
    if (subscription.held && connection.subscriptions.get(topic.name) === subscription) {
      // The method is not asked again about whom the server has subscribed.
      subscription.snapshot = subscription.requested && snapshot !== undefined;
      announceGap(connection, subscription);
      this.#delivery.catchUp.join(subscription);
      this.#topics.answered(subscription);
    } else if (subscription.live && subscription.lane !== lane) {
      // Those it belongs to now may have been served further than it was.
      this.#delivery.catchUp.join(subscription);
    }
    this.#sources.start(topic.name);
  }

  /** Sets a subscription that is new back to a position; false when that cannot be done without a loss. */
  #recover(subscription: Subscription, since: string, isNew: boolean): boolean {
    const { topic } = subscription;
    const from = offsetIn(topic.log.epoch, since);
    if (from === undefined) return false;
    // A subscription that lives already goes on from where it is: nothing is replayed to it. Nor is anything forgotten
    // now, as it may be between two lanes, neither of which knows what it still needs.
    if (isNew) this.#topics.refresh(topic);
    const oldest = isNew ? reachOf(topic) : subscription.cursor;
    if (from < oldest || from > topic.log.head) return false;
    if (isNew) subscription.cursor = from;
    return true;
  }
}

/** What guards, pipes and the method see of a message: always the one topic they are asked about, in an object of its own. */
function payloads(data: object): (topic: string) => object {
  if (!('topics' in data)) return () => ({ ...data });
  const { topics: _, ...others } = data;
  return topic => ({ ...others, topic });
}

/** The client subscribes anew while a snapshot for what it lost is in the making: it is not told of the loss in that. */
function announceLoss(connection: ClientConnection, subscription: Subscription): void {
  const { lostFrom, cursor, topic } = subscription;
  if (lostFrom === 0) return;
  subscription.lostFrom = 0;
  connection.sendText(gapText(topic.name, topic.log.epoch, lostFrom, cursor, 'slow'));
}

/** The method took so long that the log could not wait: the client must know, its snapshot is older than what follows. */
function announceGap(connection: ClientConnection, subscription: Subscription): void {
  const { name, log } = subscription.topic;
  const from = subscription.cursor + 1;
  const to = reachOf(subscription.topic);
  if (from > to) return;
  subscription.cursor = to;
  connection.sendText(gapText(name, log.epoch, from, to, 'slow'));
}
