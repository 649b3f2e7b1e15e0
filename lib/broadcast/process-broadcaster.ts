import type { TopicData } from '../topic/topics.js';
import {
  Broadcaster,
  type CloseRequest,
  type History,
  type Position,
  type Pressure,
  type PublishOptions,
  type Target,
} from './broadcaster.js';
import type { Member } from './membership.js';
import type { TopicBroadcaster } from './topic-broadcaster.js';

/** {@link Broadcaster} of an application with one process, which knows all answers. */
export class ProcessBroadcaster extends Broadcaster {
  readonly #topics: TopicBroadcaster;

  constructor(topics: TopicBroadcaster) {
    super();
    this.#topics = topics;
  }

  publish(topic: string, data: unknown, options?: PublishOptions): number {
    return this.#topics.publish(topic, data, options);
  }

  publishConfirmed<Name extends string>(
    topic: Name,
    data: TopicData<Name>,
    options?: PublishOptions,
  ): Promise<Position> {
    return this.#topics.publishConfirmed(topic, data, options);
  }

  flush(): Promise<void> {
    return this.#topics.flush();
  }

  subscribers(topic: string): number {
    return this.#topics.subscribers(topic);
  }

  async position(topic: string): Promise<Position> {
    return this.#topics.position(topic);
  }

  async history<Name extends string>(topic: Name, since?: Position): Promise<History<TopicData<Name>>> {
    return this.#topics.history(topic, since);
  }

  pressure(topic: string): Pressure {
    return this.#topics.pressure(topic);
  }

  async presence(topic: string): Promise<Member[]> {
    return this.#topics.presence(topic);
  }

  async disconnect(target: Target, close?: CloseRequest): Promise<number> {
    return this.#topics.disconnect(target, close);
  }

  async unsubscribe(target: Target, topic: string): Promise<number> {
    return this.#topics.unsubscribe(target, topic);
  }
}
