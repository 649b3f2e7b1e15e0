import { EMPTY, isObservable, type Subscription as RxSubscription } from 'rxjs';
import type { FanOut } from '../broadcast/fan-out.js';
import { Refusal } from '../errors/refusals.js';
import { isTopicName } from '../topic/topic-name.js';
import type { TopicRegistry } from '../topic/topic-registry.js';
import { offsetIn, positionOf, type Subscription } from '../topic/topic.js';
import type { ClientConnection, ClientSession } from './client-session.js';
import type { Endpoint } from './endpoint.js';
import type { Invocation } from './invocation.js';
import type { Message, MessageId } from './message.js';
import type { TopicSources } from './topic-sources.js';

/** Thrown where a filter has answered: nobody is subscribed, and nothing is left to be said. */
const FILTERED = Symbol('filtered');

/** Answers a refused subscribe. */
export type Fail = (error: unknown, topic?: string) => void;

/** What goes before the first publication of a new subscription. */
interface Answer {
  readonly id?: MessageId | undefined;
  readonly since?: string | undefined;
  readonly snapshot?: unknown;
}

/** Makes the subscription of one topic, held; `release` gives its place back when it was not made. */
interface Hold {
  (): Subscription;
  release(): void;
}

/** The route of a topic. */
type Found = NonNullable<ReturnType<Endpoint['topics']['find']>>;

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
    const isNew = !connection.subscriptions.has(name);
    if (isNew && requestedOf(connection) + session.subscribing >= this.#limit) {
      throw new Refusal('TOO_MANY_TOPICS', name);
    }
    const hold = this.#reserve(session, name, isNew);
    try {
      const snapshot = await this.#ask(session, message, found, name, hold);
      if (!connection.open) return;
      const { since } = message.data as { since?: unknown };
      const answer = { id: message.id, snapshot, since: typeof since === 'string' ? since : undefined };
      this.#start(connection, hold(), answer);
    } catch (error) {
      const subscription = connection.subscriptions.get(name);
      if (isNew && subscription?.held) this.#topics.leave(subscription);
      throw error;
    } finally {
      hold.release();
      // The connection may have gone while the method ran, before its source was there to be stopped.
      if (this.#topics.find(name)?.vacant !== false) this.#sources.stop(name);
    }
  }

  /** Counts a subscribe towards the limit until the subscription is there and counts by itself. */
  #reserve(session: ClientSession, name: string, isNew: boolean): Hold {
    let reserved = isNew;
    if (reserved) session.subscribing++;
    const release = (): void => {
      if (reserved) session.subscribing--;
      reserved = false;
    };
    let made: Subscription | undefined;
    const hold = (): Subscription => {
      release();
      const { connection } = session;
      // Ended by the server while the method ran: what it revoked must not come back.
      if (made !== undefined && connection.subscriptions.get(name) !== made)
        throw new Refusal('FORBIDDEN', name);
      made ??= this.#topics.hold(connection, name);
      made.requested = true;
      return made;
    };
    return Object.assign(hold, { release });
  }

  /** Runs the `@Topic` method. Its last value is the snapshot; a source has none. */
  async #ask(
    session: ClientSession,
    message: Message,
    found: Found,
    name: string,
    hold: Hold,
  ): Promise<unknown> {
    const { connection } = session;
    const { route, pattern } = found;
    let owner = false;
    let filtered = false;
    let isSource!: () => void;
    const becameSource = new Promise<void>(resolve => (isSource = resolve));
    const invocation: Invocation = {
      topic: { name, params: pattern.paramsOf(name) },
      // From here on nothing may be missed: what is published while the method makes the snapshot follows it.
      called: () => void (connection.open && hold()),
      filtered: () => void (filtered = true),
      feedsTopic: () => owner,
      streamed: stream => {
        isSource();
        owner = this.#sources.claim(name);
        return owner ? stream : EMPTY;
      },
    };
    const result = await route.handle(connection.socket, message.data, invocation, route.pattern);
    if (filtered) throw FILTERED;
    if (!isObservable(result)) return result;
    const { subscription, value } = this.#sources.connect(name, result, () => owner);
    untilClosed(session, subscription);
    const snapshot = await Promise.race([becameSource, value]);
    if (owner) session.replies?.delete(subscription);
    if (!owner) {
      // What an interceptor adds to a source that runs already is nobody's.
      subscription.unsubscribe();
      if (filtered) throw FILTERED;
    } else if (!this.#sources.attach(name, subscription)) {
      throw new Refusal('SOURCE_FAILED', name);
    }
    return snapshot;
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

/** Subscriptions that the client itself asked for. */
function requestedOf(connection: ClientConnection): number {
  let count = 0;
  for (const { requested } of connection.subscriptions.values()) if (requested) count++;
  return count;
}

/** A stream that one client asked for ends with its connection, also when that has gone while the method ran. */
function untilClosed(session: ClientSession, subscription: RxSubscription): void {
  if (!session.connection.open) return subscription.unsubscribe();
  const replies = (session.replies ??= new Set());
  replies.add(subscription);
  subscription.add(() => replies.delete(subscription));
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
