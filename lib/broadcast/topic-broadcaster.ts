import type { PublicationPath } from '../bus/publication-path.js';
import { assertClose } from '../connection/close.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { SocketConnection } from '../connection/socket-connection.js';
import { CLOSE } from '../errors/close-codes.js';
import type { Counters } from '../observe/counters.js';
import type { TopicRegistry } from '../topic/topic-registry.js';
import type { TopicData } from '../topic/topics.js';
import type { CloseRequest, History, Position, Pressure, PublishOptions, Target } from './broadcaster.js';
import type { CatchUp } from './catch-up.js';
import { conflationKey } from './conflation-key.js';
import type { FlushScheduler } from './flush-scheduler.js';
import { historyOf } from './history.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import type { LanePacer } from './lane-pacer.js';
import type { Member } from './membership.js';
import { payloadOf } from './payload.js';
import type { Crowds } from './presence.js';
import { NO_PRESSURE, pressureOf } from './pressure.js';
import type { UnheardCheck } from './publication-check.js';
import { publishTerms } from './publish-options.js';
import type { Clock } from '../time/clock.js';
import { targeted } from './targeted.js';
import type { UnsentBatches } from './unsent-batches.js';

/** The collaborators of {@link TopicBroadcaster}. */
export interface BroadcasterDeps {
  readonly topics: TopicRegistry;
  readonly scheduler: FlushScheduler;
  readonly path: PublicationPath;
  readonly pacer: LanePacer;
  readonly catchUp: CatchUp;
  readonly unsent: UnsentBatches;
  readonly connections: ConnectionRegistry;
  readonly clock: Clock;
  readonly crowds: Crowds;
  readonly counters: Counters;
  /** Most bytes of JSON in one publication. */
  readonly maxPayload: number;
  readonly unheard: UnheardCheck;
}

/** Publishes to the topics of one process, and answers at once what this process knows. */
export class TopicBroadcaster {
  readonly #deps: BroadcasterDeps;
  readonly #keys: IdempotencyKeys;

  constructor(deps: BroadcasterDeps) {
    this.#deps = deps;
    this.#keys = new IdempotencyKeys(() => deps.clock.now());
  }

  publish(name: string, data: unknown, options?: PublishOptions): number {
    if (options === undefined) return this.#publish(name, data, undefined, 0);
    const { except, ttl, key } = publishTerms(options);
    if (key === undefined) return this.#publish(name, data, except, ttl);
    const first = this.#keys.find(name, key);
    if (first !== undefined) return first.subscribers;
    const subscribers = this.#publish(name, data, except, ttl);
    this.#keys.remember(name, key, { subscribers, position: this.position(name) });
    return subscribers;
  }

  async publishConfirmed<Name extends string>(
    name: Name,
    data: TopicData<Name>,
    options?: PublishOptions,
  ): Promise<Position> {
    this.publish(name, data, options);
    const key = options?.idempotencyKey;
    const first = key === undefined ? undefined : this.#keys.find(name, key);
    return first?.position ?? this.position(name);
  }

  async flush(): Promise<void> {
    const { scheduler, pacer, catchUp, unsent } = this.#deps;
    pacer.flush();
    await scheduler.flush();
    await catchUp.caughtUp();
    await unsent.sent();
  }

  subscribers(name: string): number {
    return this.#deps.topics.find(name)?.subscribers ?? 0;
  }

  position(name: string): Position {
    return this.#deps.topics.positionOf(name);
  }

  history<Name extends string>(name: Name, since?: Position): History<TopicData<Name>> {
    const { topics, clock } = this.#deps;
    const topic = topics.find(name);
    if (topic === undefined) return { publications: [], ...topics.placeOf(name, since) };
    return historyOf(topic, since === undefined ? 0 : topics.offsetOf(topic, since), clock.now());
  }

  pressure(name: string): Pressure {
    const topic = this.#deps.topics.find(name);
    return topic === undefined ? NO_PRESSURE : pressureOf(topic, this.#deps.clock.now());
  }

  presence(name: string): Member[] {
    this.#deps.topics.find(name);
    return this.#deps.crowds.members(name);
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
    this.#deps.topics.find(name);
    return this.#each(target, connection => connection.unsubscribe(name));
  }

  #publish(name: string, data: unknown, except: string | undefined, ttl: number): number {
    const { topics, path, connections, clock, counters, maxPayload, unheard } = this.#deps;
    const topic = topics.forPublication(name);
    // There is no subscriber, and no history keeps the publication.
    if (topic === undefined && !path.leavesProcess) {
      unheard.check(name, data);
      counters.publications++;
      return 0;
    }
    const { json, bytes } = payloadOf(name, data, maxPayload);
    const key = conflationKey(name, topic?.policy ?? topics.policyOf(name), data);
    const now = clock.now();
    const expires = ttl === 0 ? 0 : Math.ceil(now + ttl);
    counters.publications++;
    path.publish(name, topic, json, bytes, { at: Math.floor(now), expires, key, except });
    if (topic === undefined) return 0;
    const excepted =
      except !== undefined && connections.get(except)?.subscriptions.get(name)?.served === true;
    return topic.subscribers - (excepted ? 1 : 0);
  }

  #each(target: Target, act: (connection: SocketConnection) => boolean): number {
    let count = 0;
    for (const connection of targeted(this.#deps.connections, target)) if (act(connection)) count++;
    return count;
  }
}
