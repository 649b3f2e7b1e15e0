import { assertClose } from '../connection/close.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { SocketConnection } from '../connection/socket-connection.js';
import { CLOSE } from '../errors/close-codes.js';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { TopicRegistry } from '../topic/topic-registry.js';
import { offsetIn } from '../topic/topic.js';
import type { TopicData } from '../topic/topics.js';
import {
  Broadcaster,
  type CloseRequest,
  type History,
  type Position,
  type PublishOptions,
  type Target,
} from './broadcaster.js';
import type { FanOut } from './fan-out.js';
import type { FlushScheduler } from './flush-scheduler.js';

/** The {@link Broadcaster} of one process. */
export class TopicBroadcaster extends Broadcaster {
  constructor(
    readonly topics: TopicRegistry,
    readonly scheduler: FlushScheduler,
    readonly fanOut: FanOut,
    readonly connections: ConnectionRegistry,
    readonly maxPayload: number,
  ) {
    super();
  }

  publish(name: string, data: unknown, options?: PublishOptions): number {
    const topic = this.topics.forPublication(name);
    // Nobody is here and nothing is kept: stop before encoding.
    if (topic === undefined) return 0;
    const json = serialise(name, data);
    const bytes = Buffer.byteLength(json);
    if (bytes > this.maxPayload) throw new FanoutError('FANOUT_PAYLOAD_SIZE', this.maxPayload, bytes, name);
    const except = options?.except === undefined ? undefined : exceptedId(options.except);
    topic.append(json, bytes, except);
    this.scheduler.request(topic);
    const excepted =
      except !== undefined && this.connections.get(except)?.subscriptions.get(name)?.held === false;
    return topic.subscriptions.length - (excepted ? 1 : 0);
  }

  async publishConfirmed<Name extends string>(
    name: Name,
    data: TopicData<Name>,
    options?: PublishOptions,
  ): Promise<Position> {
    this.publish(name, data, options);
    return this.position(name);
  }

  async flush(): Promise<void> {
    await this.scheduler.flush();
    await this.fanOut.sent();
  }

  subscribers(name: string): number {
    return this.topics.find(name)?.subscriptions.length ?? 0;
  }

  position(name: string): Position {
    return this.topics.find(name)?.position ?? this.topics.nowhere;
  }

  history<Name extends string>(name: Name, since?: Position): History<TopicData<Name>> {
    const topic = this.topics.find(name);
    if (topic === undefined) return { publications: [], position: this.topics.nowhere, complete: false };
    const { log, history } = topic;
    const first = Math.max(log.first, log.head - history.size + 1);
    const from = since === undefined ? 0 : offsetIn(log.epoch, since);
    const publications = log.range(Math.max(from ?? 0, first - 1), log.head);
    return {
      publications: publications.map(({ offset, json }) => ({
        offset,
        data: JSON.parse(json) as TopicData<Name>,
      })),
      position: topic.position,
      complete: from !== undefined && from >= first - 1 && from <= log.head,
    };
  }

  disconnect(target: Target, request: CloseRequest = CLOSE.REMOVED): number {
    const close = { code: request?.code, reason: request?.reason ?? '' };
    assertClose(close);
    return this.#each(target, connection => {
      connection.close(close.code, close.reason);
      return true;
    });
  }

  unsubscribe(target: Target, name: string): number {
    this.topics.find(name);
    return this.#each(target, connection => connection.unsubscribe(name));
  }

  #each(target: Target, act: (connection: SocketConnection) => boolean): number {
    let count = 0;
    for (const connection of this.#connectionsOf(target)) if (act(connection)) count++;
    return count;
  }

  #connectionsOf(target: Target): Iterable<SocketConnection> {
    if (typeof target === 'object' && target !== null) {
      if ('connection' in target && typeof target.connection === 'string') {
        const connection = this.connections.get(target.connection);
        return connection === undefined ? [] : [connection];
      }
      if ('user' in target && (typeof target.user === 'string' || typeof target.user === 'number')) {
        return this.connections.ofUser(target.user);
      }
    }
    throw new FanoutError('FANOUT_TARGET', shown(target));
  }
}

/** @throws FanoutError FANOUT_PAYLOAD */
function serialise(topic: string, data: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (error) {
    throw new FanoutError(
      'FANOUT_PAYLOAD',
      topic,
      error instanceof Error ? error.message.split('\n')[0] : shown(error),
    );
  }
  if (json === undefined) throw new FanoutError('FANOUT_PAYLOAD', topic, `${shown(data)} has no JSON form`);
  return json;
}

function exceptedId(except: string | { readonly id: string }): string {
  return typeof except === 'string' ? except : except.id;
}
