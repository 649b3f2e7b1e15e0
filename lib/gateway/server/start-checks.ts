import { type LazyModuleLoader, MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { GATEWAY_METADATA, type Module, PARAM_ARGS_METADATA } from '../nest/private-api.js';
import { FanoutError, shown } from '../../errors/fanout-error.js';
import { type DeclaredPattern, publishLine } from '../../topic/near-miss.js';
import type { TopicPattern } from '../../topic/topic-pattern.js';
import type { Gateway, GatewayExplorer } from '../nest/gateway-explorer.js';
import { heartbeatOf } from '../nest/heartbeat.decorator.js';
import { decoratorOf } from '../session/param.decorators.js';
import { missingNestInternals } from '../nest/internals.js';
import { publishedBy } from '../nest/publish.decorator.js';
import { missingInternals } from '../../ws/internals.js';

/** Log of these checks. */
export interface CheckLog {
  warn(line: string): void;
}

/** Parameter of a method, in the metadata of Nest's decorators. */
interface Parameter {
  readonly data?: unknown;
  readonly factory?: object;
}

/**
 * Checks at the start: the private parts of Nest, `ws` and Node that this library uses, and mistakes with decorators
 * that cause no error at run time. Such a mistake is a value that is always undefined, a method that is never called, or a topic without
 * possible subscribers. The metadata is read once.
 */
export class StartChecks {
  readonly #modules: ModulesContainer;
  readonly #explorer: GatewayExplorer;
  readonly #log: CheckLog;
  readonly #scanner = new MetadataScanner();
  /** Modules that exist at the start. */
  readonly #known = new Set<Module>();

  constructor(modules: ModulesContainer, explorer: GatewayExplorer, log: CheckLog) {
    this.#modules = modules;
    this.#explorer = explorer;
    this.#log = log;
  }

  /** Logs the effect of each missing private part. @throws FanoutError FANOUT_NEST for a part that protects the application */
  checkInternals(): void {
    const lines = [...missingNestInternals(this.#modules), ...missingInternals()];
    for (const line of lines) this.#log.warn(line);
  }

  /** @throws FanoutError FANOUT_DECORATOR, FANOUT_EVENT_NAME */
  run(): void {
    const { gateways } = this.#explorer;
    for (const gateway of gateways) this.#checkGateway(gateway);
    const declared = gateways.flatMap(({ name, topics }) =>
      topics.map(({ pattern, method }) => ({ pattern, name: `${name}.${method}` })),
    );
    for (const module of this.#modules.values()) {
      this.#known.add(module);
      for (const metatype of classesOf(module)) this.#checkClass(metatype, declared);
    }
  }

  /** Watches for modules that are loaded lazily from now on. */
  watch(loader: LazyModuleLoader): void {
    const load = loader.load.bind(loader);
    loader.load = async (...args) => {
      const loaded = await load(...args);
      this.#lookAtLateModules();
      return loaded;
    };
  }

  /** Logs the gateways of modules that were loaded after the start, because such gateways are not served. */
  #lookAtLateModules(): void {
    for (const module of this.#modules.values()) {
      if (this.#known.has(module)) continue;
      this.#known.add(module);
      for (const metatype of classesOf(module))
        if (isGateway(metatype)) this.#log.warn(lateLine(metatype.name));
    }
  }

  #checkGateway({ name, metatype, events, topics }: Gateway): void {
    for (const { event, method } of events)
      if (typeof event !== 'string')
        throw new FanoutError('FANOUT_EVENT_NAME', shown(event), `${name}.${method}`);
    for (const method of this.#scanner.getAllMethodNames(metatype.prototype as object)) {
      const patterns = topics.filter(topic => topic.method === method).map(({ pattern }) => pattern);
      for (const { factory, data } of parametersOf(metatype, method))
        assertTopicParameter(`${name}.${method}`, decoratorOf(factory), data, patterns);
    }
  }

  #checkClass(metatype: Function, declared: readonly DeclaredPattern[]): void {
    // Without topics, this process has no subscribers and publishes for other processes.
    const published = declared.length === 0 ? [] : publishedBy(metatype);
    for (const { pattern, method } of published) {
      const line = publishLine(pattern, `${metatype.name}.${method}`, declared);
      if (line !== undefined) this.#log.warn(line);
    }
    if (isGateway(metatype)) return;
    if (heartbeatOf(metatype) !== undefined) refuse('@Heartbeat()', metatype.name, NO_GATEWAY);
    for (const method of this.#scanner.getAllMethodNames(metatype.prototype as object))
      for (const { factory } of parametersOf(metatype, method)) {
        const decorator = decoratorOf(factory);
        if (decorator !== undefined) refuse(`@${decorator}()`, `${metatype.name}.${method}`, NO_GATEWAY);
      }
  }
}

const NO_GATEWAY =
  'the class is not a gateway. Move it to a class with @WebSocketGateway(), or remove the decorator';

/** @throws FanoutError FANOUT_DECORATOR for a parameter that is undefined for every topic */
function assertTopicParameter(
  route: string,
  decorator: string | undefined,
  name: unknown,
  patterns: readonly TopicPattern[],
): void {
  if (decorator === undefined || decorator === 'CurrentConnection') return;
  if (patterns.length === 0)
    refuse(
      `@${decorator}()`,
      route,
      'the method has no @Topic(), and other messages have no topic. Remove it',
    );
  if (decorator !== 'TopicParam' || patterns.some(({ names }) => names.includes(name as string))) return;
  const [{ text, names }] = patterns as [TopicPattern];
  const has = names.length === 0 ? 'no parameters' : `the parameters ${names.join(', ')}`;
  refuse(
    `@TopicParam(${shown(name)})`,
    route,
    `"${text}" has ${has}. Give it the name of one of its ":name" segments`,
  );
}

function refuse(decorator: string, place: string, reason: string): never {
  throw new FanoutError('FANOUT_DECORATOR', decorator, place, reason);
}

function lateLine(name: string): string {
  return (
    `Gateway ${name} was loaded after the start, so it is not served: gateways cannot be loaded lazily. ` +
    'Import its module in a module that is loaded at the start.'
  );
}

function isGateway(metatype: Function): boolean {
  return Reflect.hasMetadata(GATEWAY_METADATA, metatype);
}

function classesOf({ providers, controllers }: Module): Function[] {
  return [...providers.values(), ...controllers.values()]
    .filter(({ isNotMetatype }) => !isNotMetatype)
    .map(({ metatype }) => metatype)
    .filter(
      (metatype): metatype is Function => typeof metatype === 'function' && metatype.prototype !== undefined,
    );
}

function parametersOf(metatype: Function, method: string): readonly Parameter[] {
  return Object.values(
    (Reflect.getMetadata(PARAM_ARGS_METADATA, metatype, method) as Record<string, Parameter> | undefined) ??
      {},
  );
}
