import { Catch, ClassSerializerInterceptor } from '@nestjs/common';
import { ApplicationConfig, ModuleRef, type ModulesContainer } from '@nestjs/core';
import {
  BaseWsExceptionFilter,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { FanoutError } from '../../errors/fanout-error.js';
import {
  ExecutionContextHost,
  FILTER_CATCH_EXCEPTIONS,
  GATEWAY_METADATA,
  GATEWAY_OPTIONS,
  GATEWAY_SERVER_METADATA,
  Injector,
  type InstanceWrapper,
  InterceptorsConsumer,
  MESSAGE_MAPPING_METADATA,
  MESSAGE_METADATA,
  type Module,
  PipesConsumer,
  PORT_METADATA,
  WsParamsFactory,
  WsParamtype,
} from './private-api.js';

/** Gateway that is never served. The checks read the metadata of its decorators. */
@WebSocketGateway(81, { path: '/probe' })
export class ProbeGateway {
  @WebSocketServer()
  readonly server: unknown;

  @SubscribeMessage('probe')
  probe(): void {}
}

@Catch(FanoutError)
class ProbeFilter {}

/** Parts of Nest under check. Tests pass others. */
export interface NestParts {
  readonly injector: object;
  readonly config: object;
  readonly contextHost: object;
  readonly interceptorsConsumer: object;
  readonly pipesConsumer: object;
  readonly paramsFactory: object;
  readonly paramTypes: object;
  readonly serializer: object;
  readonly baseFilter: Function;
  /** Class with the decorators of {@link ProbeGateway}. */
  readonly gateway: Function;
  /** Class with `@Catch(FanoutError)`. */
  readonly filter: Function;
}

/** Module of the application, with one of its providers. */
export interface Place {
  readonly module: Module;
  readonly wrapper: InstanceWrapper;
}

/** Private part of Nest that this library uses. */
export interface NestInternal {
  /** Name, for the log or the error. */
  readonly name: string;
  /** Effect of its absence. */
  readonly without: string;
  /** True if the part decides who may connect, call or read. The start fails without such a part. */
  readonly protects: boolean;
  /** Tells whether the part exists and works as this library expects. */
  readonly holds: (parts: NestParts, place: Place) => boolean;
}

const PARTS: NestParts = {
  injector: Injector.prototype,
  config: ApplicationConfig.prototype,
  contextHost: ExecutionContextHost.prototype,
  interceptorsConsumer: InterceptorsConsumer.prototype,
  pipesConsumer: PipesConsumer.prototype,
  paramsFactory: WsParamsFactory.prototype,
  paramTypes: WsParamtype,
  serializer: ClassSerializerInterceptor.prototype,
  baseFilter: BaseWsExceptionFilter,
  gateway: ProbeGateway,
  filter: ProbeFilter,
};

/** Private parts of Nest, in the order of `docs/internals.md`. */
export const NEST_INTERNALS: readonly NestInternal[] = [
  {
    name: 'the metadata of @WebSocketGateway(), @SubscribeMessage() and @WebSocketServer()',
    without: 'gateways and their messages would not be found',
    protects: true,
    holds: ({ gateway }) => {
      const prototype = gateway.prototype as Record<string, object>;
      const options = Reflect.getMetadata(GATEWAY_OPTIONS, gateway) as { path?: unknown } | undefined;
      return (
        Reflect.getMetadata(GATEWAY_METADATA, gateway) === true &&
        Reflect.getMetadata(PORT_METADATA, gateway) === 81 &&
        options?.path === '/probe' &&
        Reflect.getMetadata(MESSAGE_MAPPING_METADATA, prototype.probe!) === true &&
        Reflect.getMetadata(MESSAGE_METADATA, prototype.probe!) === 'probe' &&
        Reflect.hasMetadata(GATEWAY_SERVER_METADATA, prototype, 'server')
      );
    },
  },
  {
    name: 'the metadata of @Catch()',
    without: 'a filter would be asked for exceptions of other types',
    protects: true,
    holds: ({ filter }) =>
      [filter, filter.prototype as object].some(
        target => (Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, target) as unknown[])?.[0] === FanoutError,
      ),
  },
  {
    name: 'the providers of a module (providers, injectables, controllers)',
    without: 'gateways and their enhancers would not be found',
    protects: true,
    holds: (_, { module }) =>
      [module.providers, module.injectables, module.controllers].every(map => map instanceof Map),
  },
  {
    name: 'the description of a provider (host, isNotMetatype, isTransient)',
    without: 'request-scoped gateways and enhancers would be treated as static',
    protects: true,
    holds: (_, { module, wrapper }) =>
      wrapper.host === module &&
      typeof wrapper.isNotMetatype === 'boolean' &&
      typeof wrapper.isTransient === 'boolean',
  },
  {
    name: 'the scope of a provider (isDependencyTreeStatic, getEnhancersMetadata)',
    without: 'request-scoped gateways and guards would be shared by all connections',
    protects: true,
    holds: (_, { wrapper }) => has(wrapper, 'isDependencyTreeStatic', 'getEnhancersMetadata'),
  },
  {
    name: 'the context of a connection (ModuleRef.registerRequestByContextId, in the providers of each module)',
    without: 'request-scoped providers would get no socket and no request',
    protects: true,
    holds: (_, { module }) => has(module.providers.get(ModuleRef)?.instance, 'registerRequestByContextId'),
  },
  {
    name: 'the injector (loadPerContext)',
    without: 'request-scoped and transient enhancers could not be built',
    protects: true,
    holds: ({ injector }) => has(injector, 'loadPerContext'),
  },
  {
    name: 'the global enhancers (getGlobalGuards and its like)',
    without: 'global guards, pipes and interceptors would not be asked',
    protects: true,
    holds: ({ config }) =>
      ['Guards', 'Pipes', 'Interceptors'].every(kind =>
        has(config, `getGlobal${kind}`, `getGlobalRequest${kind}`),
      ),
  },
  {
    name: 'the execution context (setType, getType, getClass, getHandler, getArgs)',
    without: 'guards and interceptors could not read the call',
    protects: true,
    holds: ({ contextHost }) => has(contextHost, 'setType', 'getType', 'getClass', 'getHandler', 'getArgs'),
  },
  {
    name: 'the chains of interceptors and pipes (intercept, apply)',
    without: 'interceptors and pipes would not be asked',
    protects: true,
    holds: ({ interceptorsConsumer, pipesConsumer }) =>
      has(interceptorsConsumer, 'intercept') && has(pipesConsumer, 'apply'),
  },
  {
    name: 'the kinds of parameters (WsParamtype, exchangeKeyForValue)',
    without: 'methods would be called with the wrong arguments',
    protects: true,
    holds: ({ paramTypes, paramsFactory }) => {
      const { SOCKET, PAYLOAD } = paramTypes as Partial<typeof WsParamtype>;
      // The kind ACK and its decorator came with a later version of Nest 11.
      return (
        [SOCKET, PAYLOAD].every(kind => typeof kind === 'number') && has(paramsFactory, 'exchangeKeyForValue')
      );
    },
  },
  {
    name: 'the serializers (serialize, getContextOptions)',
    without: '@Publish() would publish fields that @Exclude() hides',
    protects: true,
    holds: ({ serializer }) => has(serializer, 'serialize', 'getContextOptions'),
  },
  {
    name: 'the base class of filters (BaseWsExceptionFilter.catch, handleError, handleUnknownError)',
    without: 'the answer of a filter that calls super.catch() has no id, or is not sent',
    protects: false,
    holds: ({ baseFilter }) =>
      baseFilter.name === 'BaseWsExceptionFilter' &&
      Object.hasOwn(baseFilter.prototype as object, 'catch') &&
      has(baseFilter.prototype, 'handleError', 'handleUnknownError'),
  },
  {
    name: 'the order of modules (distance, addProvider)',
    without: 'a shutdown refuses new clients later, after onModuleDestroy of the application',
    protects: false,
    holds: (_, { module }) => typeof module.distance === 'number' && has(module, 'addProvider'),
  },
];

/**
 * Tries each private part of Nest that this library uses. Returns a log line for each missing part.
 *
 * @throws FanoutError FANOUT_NEST for a missing part that decides who may connect, call or read
 */
export function missingNestInternals(modules: ModulesContainer, parts: NestParts = PARTS): string[] {
  const [module] = modules.values();
  const place = { module: module!, wrapper: module!.providers?.values().next().value as InstanceWrapper };
  const missing = NEST_INTERNALS.filter(internal => !holds(internal, parts, place));
  const barrier = missing.find(({ protects }) => protects);
  if (barrier !== undefined) throw new FanoutError('FANOUT_NEST', barrier.name, barrier.without);
  return missing.map(({ name, without }) => `Cannot use ${name} of Nest: ${without}.`);
}

function holds(internal: NestInternal, parts: NestParts, place: Place): boolean {
  try {
    return internal.holds(parts, place);
  } catch {
    return false;
  }
}

function has(target: unknown, ...methods: readonly string[]): boolean {
  return methods.every(method => typeof (target as Record<string, unknown>)[method] === 'function');
}
