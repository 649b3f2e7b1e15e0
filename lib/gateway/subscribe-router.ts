import type { FanOut } from '../broadcast/fan-out.js';
import { Refusal } from '../errors/refusals.js';
import { isTopicName } from '../topic/topic-name.js';
import type { TopicRegistry } from '../topic/topic-registry.js';
import { offsetIn, positionOf, type Subscription } from '../topic/topic.js';
import type { ClientConnection, ClientSession } from './client-session.js';
import type { Message, MessageId } from './message.js';
import { FILTERED, TopicRequest } from './topic-request.js';
import type { TopicSources } from './topic-sources.js';

/** Answers a refused subscribe. */
export type Fail = (error: unknown, topic?: string) => void;

/** What goes before the first publication of a new subscription. */
interface Answer {
  readonly id?: MessageId | undefined;
  readonly since?: string | undefined;
  readonly snapshot?: unknown;
}

/** Subscribes and unsubscribes connections: by their own message, or from the server's side. */
export class SubscribeRouter {
  readonly #topics: TopicRegistry;
  readonly #fanOut: FanOut;
  readonly #sources: TopicSources;
  readonly #limit: number;

  /** @param limit topics one connection may be subscribed to by its own wish */
  constructor(topics: TopicRegistry, fanOut: FanOut, sources: TopicSources, limit: number) {
    this.#topics = topics;
    this.#fanOut = fanOut;
    this.#sources = sources;
    this.#limit = limit;
  }

  /** Handles a `subscribe` message; each topic in it is answered by itself. */
  async subscribe(session: ClientSession, message: Message, fail: Fail): Promise<void> {
    const names = this.#namesIn(message, fail);
    await Promise.all(
      names.map(name =>
        this.#subscribe(session, message, name).catch((error: unknown) => {
          if (error !== FILTERED) fail(error, name);
        }),
      ),
    );
  }

  /** Handles an `unsubscribe` message. Answered also when there was no subscription: the client wants none, and has none. */
  unsubscribe(session: ClientSession, message: Message, fail: Fail): void {
    for (const name of this.#namesIn(message, fail)) {
      const subscription = session.connection.subscriptions.get(name);
      if (subscription !== undefined) this.#topics.leave(subscription);
      sendUnsubscribed(session.connection, name, message.id);
    }
  }

  /** Subscribes without asking the topic's method. @throws FanoutError FANOUT_TOPIC_NAME */
  subscribeFromServer(connection: ClientConnection, name: string): boolean {
    if (!connection.open) return false;
    const subscription = this.#topics.hold(connection, name);
    if (!subscription.held) return false;
    this.#start(connection, subscription, {});
    return true;
  }

  /** @throws FanoutError FANOUT_TOPIC_NAME */
  unsubscribeFromServer(connection: ClientConnection, name: string): boolean {
    this.#topics.find(name);
    const subscription = connection.subscriptions.get(name);
    if (subscription === undefined) return false;
    // What was published before is still for it; nobody else would write it, now that the topic lets go.
    this.#fanOut.finish(subscription);
    connection.requestWrite();
    this.#topics.leave(subscription);
    sendUnsubscribed(connection, name);
    return true;
  }

  /** Hands over what was published and not flushed yet: the connection is about to close. */
  finish(connection: ClientConnection): void {
    for (const subscription of connection.subscriptions.values()) this.#fanOut.finish(subscription);
  }

  #namesIn({ data }: Message, fail: Fail): readonly string[] {
    const { topic, topics } = (typeof data === 'object' && data !== null ? data : {}) as {
      topic?: unknown;
      topics?: unknown;
    };
    const names: readonly unknown[] = Array.isArray(topics) ? topics : [topic];
    // Two ways to name topics in one message: whoever reads one of them, such as a guard, would miss the other.
    if (topics !== undefined && topic !== undefined) {
      fail(new Refusal('BAD_TOPIC'));
      return [];
    }
    if (names.length === 0) fail(new Refusal('BAD_TOPIC'));
    // More than may be subscribed is refused whole: an answer to each would be many times the question.
    if (names.length > Math.max(1, this.#limit)) {
      fail(new Refusal('TOO_MANY_TOPICS'));
      return [];
    }
    return [...new Set(names)].filter((name): name is string => {
      const valid = isTopicName(name);
      if (!valid) fail(new Refusal('BAD_TOPIC'));
      return valid;
    });
  }

  async #subscribe(session: ClientSession, message: Message, name: string): Promise<void> {
    const { connection, endpoint } = session;
    const found = endpoint.topics.find(name);
    if (found === undefined) throw new Refusal('UNKNOWN_TOPIC', name);
    const request = new TopicRequest(session, name, this.#topics, this.#sources, this.#limit);
    try {
      const snapshot = await request.ask(found, payloadOf(message, name));
      if (!connection.open) return;
      const { since } = message.data as { since?: unknown };
      const answer = { id: message.id, snapshot, since: typeof since === 'string' ? since : undefined };
      this.#start(connection, request.hold(), answer);
    } catch (error) {
      request.abandon();
      throw error;
    } finally {
      request.end();
    }
  }

  /** Answers, then delivers what the subscription missed, then everything. */
  #start(connection: ClientConnection, subscription: Subscription, { id, since, snapshot }: Answer): void {
    const { topic } = subscription;
    const { log } = topic;
    const from = since === undefined ? undefined : offsetIn(log.epoch, since);
    // A subscription that lives already goes on from where it is: nothing is replayed to it.
    const oldest = subscription.held ? log.first - 1 : subscription.cursor;
    const recovered = from !== undefined && from >= oldest && from <= log.head;
    if (recovered && subscription.held) subscription.cursor = from;
    const asked = since === undefined ? undefined : recovered;
    const position = positionOf(log.epoch, subscription.cursor);
    connection.sendText(
      JSON.stringify({
        event: 'subscribed',
        id,
        data: { topic: topic.name, position, recovered: asked, snapshot },
      }),
    );
    // The snapshot's toJSON may have closed the connection or ended the subscription.
    if (subscription.held && connection.subscriptions.get(topic.name) === subscription) {
      announceGap(connection, subscription);
      topic.activate(subscription);
      this.#fanOut.catchUp(subscription);
    }
    this.#sources.start(topic.name);
  }
}

/** What guards, pipes and the method see of a message: always the one topic they are asked about. */
function payloadOf({ data }: Message, topic: string): object {
  const { topics: _, ...others } = data as { topics?: unknown };
  return { ...others, topic };
}

/** The method took so long that the log could not wait: the client must know, its snapshot is older than what follows. */
function announceGap(connection: ClientConnection, subscription: Subscription): void {
  const { name, log } = subscription.topic;
  const from = subscription.cursor + 1;
  const to = log.first - 1;
  if (from > to) return;
  subscription.cursor = to;
  const data = { topic: name, from, to, position: positionOf(log.epoch, to) };
  connection.sendText(JSON.stringify({ event: 'gap', data }));
}

function sendUnsubscribed(connection: ClientConnection, topic: string, id?: MessageId): void {
  connection.sendText(JSON.stringify({ event: 'unsubscribed', id, data: { topic } }));
}
