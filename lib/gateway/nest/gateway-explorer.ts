import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import {
  GATEWAY_METADATA,
  GATEWAY_OPTIONS,
  type InstanceWrapper,
  MESSAGE_MAPPING_METADATA,
  MESSAGE_METADATA,
  PORT_METADATA,
} from './private-api.js';
import { FanoutError, shown } from '../../errors/fanout-error.js';
import type { HeartbeatPolicy } from '../../heartbeat/heartbeat-monitor.js';
import { assertClassChain } from './class-chain.js';
import { type HandshakeGuard, handshakeGuardsOf } from './handshake-guards.decorator.js';
import { heartbeatOf } from './heartbeat.decorator.js';
import { assertOwnDecorators } from './own-metadata.js';
import { declaredRoute } from './declared.js';
import { overriddenTopicsOf, type TopicMetadata, topicsOf } from './topic.decorator.js';

/** Class decorated with `@WebSocketGateway`, and the values of its decorators. */
export interface Gateway {
  readonly name: string;
  readonly wrapper: InstanceWrapper;
  readonly metatype: new (...args: never[]) => unknown;
  /** Port; 0 is the application's HTTP server. */
  readonly port: number;
  /** Path as given to the decorator. */
  readonly path: string | undefined;
  readonly heartbeat: Partial<HeartbeatPolicy> | false | undefined;
  /** Method names by event. */
  readonly events: readonly { readonly event: string; readonly method: string }[];
  readonly topics: readonly TopicMetadata[];
  /** Guards in the order in which they are asked. */
  readonly handshakeGuards: readonly HandshakeGuard[];
}

/** Log for gateways and methods that were found but are not served. */
export interface ExplorerLog {
  warn(line: string): void;
}

/** Finds the gateways of an application from metadata, without creating an instance. */
export class GatewayExplorer {
  readonly #modules: ModulesContainer;
  readonly #log: ExplorerLog;
  readonly #scanner = new MetadataScanner();
  #gateways: readonly Gateway[] | undefined;

  constructor(modules: ModulesContainer, log: ExplorerLog) {
    this.#modules = modules;
    this.#log = log;
  }

  /**
   * The gateways among the providers of all modules.
   * @throws FanoutError FANOUT_TOPIC_HOST, FANOUT_HANDSHAKE_GUARD when a class that is not a gateway has a decorator
   *   for gateways; FANOUT_COPIES, FANOUT_ROUTE_REPLACED, FANOUT_CLASS_REPLACED
   */
  get gateways(): readonly Gateway[] {
    return (this.#gateways ??= this.#explore());
  }

  /**
   * Checks the instances of factories and values, because Nest does not serve a gateway among them.
   * @throws FanoutError FANOUT_GATEWAY_PROVIDER
   */
  assertProviders(): void {
    const served = new Set<unknown>(this.gateways.map(({ wrapper }) => wrapper.instance));
    for (const module of this.#modules.values()) {
      for (const wrapper of module.providers.values()) {
        const { instance, isNotMetatype, token } = wrapper;
        if (!isNotMetatype || served.has(instance)) continue;
        const metatype = providedClass(wrapper);
        if (metatype === undefined || !Reflect.hasMetadata(GATEWAY_METADATA, metatype)) continue;
        throw new FanoutError('FANOUT_GATEWAY_PROVIDER', metatype.name, nameOf(token), metatype.name);
      }
    }
  }

  #explore(): Gateway[] {
    const gateways: Gateway[] = [];
    for (const module of this.#modules.values()) {
      for (const wrapper of module.providers.values()) {
        const metatype = classOf(wrapper);
        if (metatype === undefined) continue;
        if (Reflect.hasMetadata(GATEWAY_METADATA, metatype))
          gateways.push(this.#describe(wrapper, metatype as Gateway['metatype']));
        else assertNothingOfGateways(metatype);
      }
      for (const wrapper of module.controllers.values()) this.#lookAtController(classOf(wrapper));
    }
    return gateways;
  }

  /** Warns of gateways listed as controllers. Nest serves gateways among the providers only. */
  #lookAtController(metatype: Function | undefined): void {
    if (metatype === undefined) return;
    if (!Reflect.hasMetadata(GATEWAY_METADATA, metatype)) return assertNothingOfGateways(metatype);
    this.#log.warn(
      `Gateway ${metatype.name} is listed in the controllers of a module, where Nest does not serve it. List it in the providers.`,
    );
  }

  #describe(wrapper: InstanceWrapper, metatype: Gateway['metatype']): Gateway {
    assertClassChain(metatype);
    assertOwnDecorators(metatype, parameterFactories(metatype));
    const prototype = metatype.prototype as Record<string, object>;
    const methods = this.#scanner.getAllMethodNames(prototype);
    const events = methods
      .filter(method => Reflect.hasMetadata(MESSAGE_MAPPING_METADATA, prototype[method]!))
      .map(method => ({
        event: Reflect.getMetadata(MESSAGE_METADATA, prototype[method]!) as string,
        method,
      }));
    this.#nameOverridden(metatype, methods);
    const options = (Reflect.getMetadata(GATEWAY_OPTIONS, metatype) ?? {}) as {
      path?: string;
    };
    return {
      name: metatype.name,
      wrapper,
      metatype,
      port: (Reflect.getMetadata(PORT_METADATA, metatype) as number | undefined) ?? 0,
      path: options.path,
      heartbeat: heartbeatOf(metatype),
      events,
      topics: topicsOf(metatype),
      handshakeGuards: handshakeGuardsOf(metatype),
    };
  }

  /** Warns of methods that a subclass overrides without a decorator. Such a method is not served, as under Nest. */
  #nameOverridden(metatype: Function, methods: readonly string[]): void {
    const lost = overriddenTopicsOf(metatype).map(
      ({ topic, by }) => `${by}.${topic.method} overrides a method with @Topic('${topic.pattern.text}')`,
    );
    for (const method of methods) {
      const event = overriddenEvent(metatype, method);
      if (event !== undefined)
        lost.push(`${metatype.name}.${method} overrides a method with @SubscribeMessage(${shown(event)})`);
    }
    for (const line of lost)
      this.#log.warn(`${line} without a decorator, so it is not served: decorate it as well.`);
  }
}

function classOf({ isNotMetatype, metatype }: InstanceWrapper): Function | undefined {
  if (isNotMetatype || typeof metatype !== 'function') return undefined;
  return metatype.prototype === undefined ? undefined : metatype;
}

/** The class of a provided instance. Reads no property of the instance, because it may be a proxy. */
function providedClass({ instance, token, inject, scope, isAlias }: InstanceWrapper): Function | undefined {
  // The instance of a request-scoped or transient factory does not exist yet.
  if (inject && scope && !isAlias) return typeof token === 'function' ? token : undefined;
  if (typeof instance !== 'object' || instance === null) return undefined;
  const prototype = Object.getPrototypeOf(instance) as { constructor?: unknown } | null;
  return typeof prototype?.constructor === 'function' ? prototype.constructor : undefined;
}

function nameOf(token: unknown): string {
  return typeof token === 'function' ? token.name : String(token);
}

/** Returns the event of a base class's method that a subclass has overridden without a decorator. */
function overriddenEvent(metatype: Function, method: string): unknown {
  const current = (metatype.prototype as Record<string, object>)[method]!;
  if (Reflect.hasMetadata(MESSAGE_MAPPING_METADATA, current)) return undefined;
  for (let base = Object.getPrototypeOf(metatype.prototype) as object | null; base !== null;) {
    const own: unknown = Object.getOwnPropertyDescriptor(base, method)?.value;
    if (typeof own === 'function' && Reflect.hasMetadata(MESSAGE_MAPPING_METADATA, own))
      return Reflect.getMetadata(MESSAGE_METADATA, own);
    base = Object.getPrototypeOf(base) as object | null;
  }
  return undefined;
}

/** Functions of the parameter decorators on all methods of a class. */
function* parameterFactories(metatype: Function): Iterable<object> {
  const scanner = new MetadataScanner();
  for (const method of scanner.getAllMethodNames(metatype.prototype as object))
    for (const { factory } of declaredRoute(metatype, method).parameters)
      if (factory !== undefined) yield factory;
}

function assertNothingOfGateways(metatype: Function): void {
  assertOwnDecorators(metatype, []);
  for (const { method, pattern } of topicsOf(metatype)) {
    throw new FanoutError('FANOUT_TOPIC_HOST', pattern.text, `${metatype.name}.${method}`);
  }
  // A guard that never runs must be an error, or the application looks protected.
  if (handshakeGuardsOf(metatype).length > 0)
    throw new FanoutError('FANOUT_HANDSHAKE_GUARD', metatype.name, 'the class is not a gateway');
}
