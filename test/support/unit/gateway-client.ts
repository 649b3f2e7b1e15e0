import { attachSession, ClientSession } from '../../../lib/gateway/session/client-session.js';
import { Answers } from '../../../lib/gateway/session/answers.js';
import type { Invocation } from '../../../lib/gateway/nest/invocation.js';
import { TopicRequests } from '../../../lib/gateway/subscribe/topic-requests.js';
import { TopicRoom } from '../../../lib/gateway/subscribe/topic-room.js';
import { TopicSources } from '../../../lib/gateway/subscribe/topic-sources.js';
import { UnreadyBytes } from '../../../lib/limits/unready-bytes.js';
import { TopicPattern, TopicPatterns } from '../../../lib/topic/topic-pattern.js';
import { Core, type CoreOptions, type Peer } from './core.js';

/** Method of a topic, called with the name that it is asked about. */
export type Method = (topic: string, invocation: Invocation) => unknown;

/** Lets promises settle. */
export const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

/** The core with one client of a path, and the parts of the gateway that ask topics for it. */
export class GatewayClient {
  readonly core: Core;
  readonly peer: Peer;
  readonly session: ClientSession;
  readonly answers: Answers;
  readonly requests: TopicRequests;
  readonly sources: TopicSources;
  /** Names of the topics whose method was called. */
  readonly asked: string[] = [];
  /** Causes of the refusals that counted against the client. */
  readonly refused: string[] = [];
  /** What was logged as an error. */
  readonly errors: unknown[] = [];
  /** Method of every topic. */
  method: Method = () => undefined;

  /** @param patterns patterns of the topics of the path */
  constructor(patterns: readonly string[], options: CoreOptions = {}, endpoint: object = {}) {
    this.core = new Core(options);
    this.peer = this.core.connect();
    const topics = new TopicPatterns<object>();
    for (const pattern of patterns) topics.add(new TopicPattern(pattern), { handle: this.#handle, pattern });
    this.session = new ClientSession(
      this.peer.connection,
      { server: { options: {} }, topics, leaveHooks: [], ...endpoint } as never,
      { unready: new UnreadyBytes(0), route: () => {} },
    );
    attachSession(this.peer.connection.transport, this.session);
    this.answers = new Answers({
      errors: { error: (error: unknown) => this.errors.push(error) } as never,
      offenders: { refused: (_, cause) => this.refused.push(cause) },
    });
    const { delivery } = this.core;
    this.sources = new TopicSources(delivery.broadcaster, () => {}, console);
    this.requests = new TopicRequests(delivery, this.sources, new TopicRoom(delivery.topics, 1000));
  }

  /** Makes the client an answered subscriber of a topic. */
  subscribe(topic: string): void {
    const subscription = this.core.topics.hold(this.peer.connection, topic);
    subscription.markRequested();
    this.core.activate(subscription);
  }

  /** Frames that the client has received, after a turn of the event loop. */
  frames(): any[] {
    this.core.clock.turn();
    return this.peer.socket.frames;
  }

  /** Names of the client's topics. */
  get topics(): string[] {
    return [...this.peer.connection.subscriptions.keys()].sort();
  }

  readonly #handle = (_: unknown, { topic }: { topic: string }, invocation: Invocation): unknown => {
    this.asked.push(topic);
    invocation.called?.();
    return this.method(topic, invocation);
  };
}
