import {
  Broadcaster,
  type CloseRequest,
  type History,
  type Position,
  type Pressure,
  type PublishOptions,
  publishTerms,
  type Target,
} from './broadcaster.js';
import type { PublicationPath } from '../bus/publication-path.js';
import { assertClose } from '../connection/close.js';
import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { SocketConnection } from '../connection/socket-connection.js';
import { CLOSE } from '../errors/close-codes.js';
import { FanoutError, shown } from '../errors/fanout-error.js';
import { outgoingJson } from '../json/outgoing.js';
import type { Counters } from '../observe/counters.js';
import type { Clock } from '../time/clock.js';
import type { TopicPolicy } from '../topic/topic-policy.js';
import type { TopicRegistry } from '../topic/topic-registry.js';
import type { TopicData } from '../topic/topics.js';
import type { UnsentBatches } from '../wire/batch.js';
import type { CatchUp } from './catch-up.js';
import type { FlushScheduler, LanePacer } from './flush-scheduler.js';
import { historyOf } from './history.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import type { Member } from './membership.js';
import type { Crowds } from './presence.js';
import { NO_PRESSURE, pressureOf } from './pressure.js';
import { targeted } from './targeted.js';

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

/** Payload of a publication as JSON, with its size in UTF-8. */
export interface Payload {
  readonly json: string;
  readonly bytes: number;
}

/**
 * Encodes the payload of a publication.
 * @param most bytes of JSON that a payload may have
 * @throws FanoutError FANOUT_PAYLOAD, FANOUT_PAYLOAD_SIZE
 */
export function payloadOf(topic: string, data: unknown, most: number): Payload {
  const json = outgoingJson('FANOUT_PAYLOAD', topic, data);
  if (json === undefined) throw new FanoutError('FANOUT_PAYLOAD', topic, 'undefined has no JSON form');
  const bytes = Buffer.byteLength(json);
  if (bytes > most) throw new FanoutError('FANOUT_PAYLOAD_SIZE', most, bytes, topic);
  return { json, bytes };
}

/**
 * Returns the conflation key of a payload; undefined on topics that do not conflate.
 * @throws FanoutError FANOUT_CONFLATION_KEY when the application's function throws or returns no key
 */
export function conflationKey(name: string, { keyOf }: TopicPolicy, data: unknown): string | undefined {
  if (keyOf === undefined) return undefined;
  let key: unknown;
  try {
    key = keyOf(data);
  } catch (error) {
    throw new FanoutError(
      'FANOUT_CONFLATION_KEY',
      name,
      error instanceof Error ? error.message : shown(error),
    );
  }
  if (typeof key === 'string' || typeof key === 'number') return String(key);
  throw new FanoutError('FANOUT_CONFLATION_KEY', name, `it is ${shown(key)}`);
}

/** Publications to check: see option `publishing.check`. */
export type PublicationCheck = 'development' | 'always' | 'listeners';

/** Checks publications without a subscriber, so that each throws the same error as with one. */
export class UnheardCheck {
  readonly #topics: TopicRegistry;
  readonly #maxPayload: number;
  readonly #on: boolean;

  /** @param maxPayload bytes of JSON of one publication */
  constructor(topics: TopicRegistry, maxPayload: number, check: PublicationCheck) {
    this.#topics = topics;
    this.#maxPayload = maxPayload;
    this.#on = check === 'always' || (check === 'development' && process.env['NODE_ENV'] !== 'production');
  }

  /** Checks a publication. @throws FanoutError FANOUT_PAYLOAD, FANOUT_PAYLOAD_SIZE, FANOUT_CONFLATION_KEY */
  check(topic: string, data: unknown): void {
    if (!this.#on) return;
    payloadOf(topic, data, this.#maxPayload);
    conflationKey(topic, this.#topics.policyOf(topic), data);
  }
}
