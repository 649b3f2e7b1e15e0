import { assertClose } from '../connection/close.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { SocketConnection } from '../connection/socket-connection.js';
import { CLOSE } from '../errors/close-codes.js';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { TopicRegistry } from '../topic/topic-registry.js';
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
import type { CatchUp } from './catch-up.js';
import { conflationKey } from './conflation-key.js';
import { historyOf } from './history.js';
import type { LanePacer } from './lane-pacer.js';
import { NO_PRESSURE, pressureOf } from './pressure.js';
import type { UnsentBatches } from './unsent-batches.js';
import type { FlushScheduler, SchedulerClock } from './flush-scheduler.js';

/** The collaborators of {@link TopicBroadcaster}. */
export interface BroadcasterParts {
  readonly topics: TopicRegistry;
  readonly scheduler: FlushScheduler;
  readonly pacer: LanePacer;
  readonly catchUp: CatchUp;
  readonly unsent: UnsentBatches;
  readonly connections: ConnectionRegistry;
  readonly clock: SchedulerClock;
  /** Bytes of JSON of one publication. */
  readonly maxPayload: number;
}

/** The {@link Broadcaster} of one process. */
export class TopicBroadcaster extends Broadcaster {
  readonly #parts: BroadcasterParts;

  constructor(parts: BroadcasterParts) {
    super();
    this.#parts = parts;
  }

  publish(name: string, data: unknown, options?: PublishOptions): number {
    const { topics, pacer, connections, clock, maxPayload } = this.#parts;
    const topic = topics.forPublication(name);
    // Nobody is here and nothing is kept: stop before encoding.
    if (topic === undefined) return 0;
    const json = serialise(name, data);
    const bytes = Buffer.byteLength(json);
    if (bytes > maxPayload) throw new FanoutError('FANOUT_PAYLOAD_SIZE', maxPayload, bytes, name);
    const except = options?.except === undefined ? undefined : exceptedId(options.except);
    const at = Math.floor(clock.now());
    const expires = options?.ttl === undefined ? 0 : at + options.ttl;
    topic.append(json, bytes, { at, expires, key: conflationKey(topic, data), except });
    pacer.request(topic);
    const excepted = except !== undefined && connections.get(except)?.subscriptions.get(name)?.held === false;
    return topic.subscribers - (excepted ? 1 : 0);
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
    const { scheduler, pacer, catchUp, unsent } = this.#parts;
    pacer.flush();
    await scheduler.flush();
    await catchUp.caughtUp();
    await unsent.sent();
  }

  subscribers(name: string): number {
    return this.#parts.topics.find(name)?.subscribers ?? 0;
  }

  position(name: string): Position {
    return this.#parts.topics.find(name)?.position ?? this.#parts.topics.nowhere;
  }

  history<Name extends string>(name: Name, since?: Position): History<TopicData<Name>> {
    const { topics, clock } = this.#parts;
    const topic = topics.find(name);
    if (topic === undefined) return { publications: [], position: topics.nowhere, complete: false };
    return historyOf<TopicData<Name>>(topic, since, clock.now());
  }

  pressure(name: string): Pressure {
    const topic = this.#parts.topics.find(name);
    return topic === undefined ? NO_PRESSURE : pressureOf(topic, this.#parts.clock.now());
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
    this.#parts.topics.find(name);
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
        const connection = this.#parts.connections.get(target.connection);
        return connection === undefined ? [] : [connection];
      }
      if ('user' in target && (typeof target.user === 'string' || typeof target.user === 'number')) {
        return this.#parts.connections.ofUser(target.user);
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
