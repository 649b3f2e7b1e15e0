import type { ExternalContextCreator } from '@nestjs/core';
import type { ContextId } from '@nestjs/core';
import { PARAM_ARGS_METADATA } from '@nestjs/websockets/constants.js';
import { WsException } from '@nestjs/websockets';
import { WsParamtype } from '@nestjs/websockets/enums/ws-paramtype.enum.js';
import { isObservable } from 'rxjs';
import { type Invocation, INVOCATION_INDEX } from './invocation.js';

/** A guard said no. What a filter that catches `WsException` sees, as under Nest's own gateways. */
export class GuardRefusal extends WsException {
  constructor() {
    super('Forbidden resource');
  }
}

/** A gateway's method with its guards, pipes, interceptors and filters around it; takes `[client, data, invocation, pattern]`. */
export type GatewayHandler = (...args: unknown[]) => Promise<unknown>;

/** The parameters of a handler without parameter decorators: `(client, data)`. */
const DEFAULT_PARAMETERS = {
  [`${WsParamtype.SOCKET}:0`]: { index: 0, data: undefined, pipes: [] },
  [`${WsParamtype.PAYLOAD}:1`]: { index: 1, data: undefined, pipes: [] },
};

const PARAMETERS_METADATA = 'fanout:parameters';

/** What the filters of a handler answer when one has dealt with the exception. */
const HANDLED = Symbol('handled');

const paramsFactory = {
  exchangeKeyForValue(type: number, data: string | undefined, args: any[]): unknown {
    if (type === (WsParamtype.SOCKET as number)) return args[0];
    if (type === (WsParamtype.PAYLOAD as number)) return data ? args[1]?.[data] : args[1];
    return undefined;
  },
};

/**
 * Builds gateway handlers with Nest's public `ExternalContextCreator`, bent to what gateways expect:
 * an Observable is passed on instead of being reduced to its last value; a refused guard throws a `WsException`;
 * filters that return nothing have handled the exception, and global (HTTP) filters are left out. The method learns
 * of its {@link Invocation} without a parameter that pipes would see.
 *
 * The bent members are overridden on an object that inherits from Nest's own, so that its caches and collaborators
 * are shared and nothing of it is copied. `test/e2e/nest-promises.spec.ts` holds the outcome on each Nest version.
 */
export class GatewayContextCreator {
  readonly #nest: ExternalContextCreator;

  constructor(nest: ExternalContextCreator) {
    const own = nest as any;
    const filters = Object.create(own.filtersContextCreator, {
      getGlobalMetadata: { value: () => [] },
    });
    this.#nest = Object.create(nest, {
      filtersContextCreator: { value: filters },
      transformToResult: { value: (result: unknown) => result },
      createGuardsFn: { value: guardsFn(own) },
      createPipesFn: {
        value: (pipes: unknown[], params: unknown[]) => {
          const apply = own.createPipesFn(pipes, params) as
            ((args: unknown[], ...from: unknown[]) => Promise<void>) | null;
          return async (args: unknown[], ...from: unknown[]) => {
            await apply?.(args, ...from);
            args.push(from[INVOCATION_INDEX]);
          };
        },
      },
      externalErrorProxy: { value: { createProxy: errorProxy(own.externalErrorProxy) } },
    }) as ExternalContextCreator;
  }

  create(instance: object, method: string, contextId?: ContextId, inquirerId?: string): GatewayHandler {
    const callback = (instance as Record<string, (...args: unknown[]) => unknown>)[method]!;
    const target = instance.constructor;
    const parameters = Reflect.getMetadata(PARAM_ARGS_METADATA, target, method) ?? DEFAULT_PARAMETERS;
    Reflect.defineMetadata(PARAMETERS_METADATA, parameters, target, method);
    const handler = this.#nest.create(
      instance as any,
      observed(callback),
      method,
      PARAMETERS_METADATA,
      paramsFactory as any,
      contextId,
      inquirerId,
      undefined,
      'ws',
    );
    return async (...args) => {
      const result: unknown = await handler(...args);
      return result === HANDLED ? undefined : result;
    };
  }
}

/** Calls the method, and tells the invocation, its last argument, when that happens and whether a stream came out. */
function observed(method: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  const call = function (this: unknown, ...args: unknown[]): unknown {
    const invocation = args.pop() as Invocation;
    invocation.called?.();
    const result = method.apply(this, args);
    const passOn = (value: unknown): unknown => (isObservable(value) ? invocation.streamed(value) : value);
    return result instanceof Promise ? result.then(passOn) : passOn(result);
  };
  // Guards and interceptors read metadata from the handler, such as @SetMetadata() leaves.
  for (const key of Reflect.getMetadataKeys(method))
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), call);
  Object.defineProperty(call, 'name', { value: method.name });
  return call;
}

function guardsFn(nest: any) {
  return (guards: unknown[], instance: object, callback: Function, contextType?: string) => {
    if (guards.length === 0) return null;
    return async (args: unknown[]) => {
      const pass = (await nest.guardsConsumer.tryActivate(
        guards,
        args,
        instance,
        callback,
        contextType,
      )) as boolean;
      if (!pass) throw new GuardRefusal();
    };
  };
}

function errorProxy(proxy: any) {
  return (target: GatewayHandler, handler: any, type: string) => {
    const filters = (handler.filters ?? []) as { func: (...args: unknown[]) => unknown }[];
    // Nest asks filters of other transports for an answer and throws on when there is none; those of gateways answer
    // their client themselves.
    handler.setCustomFilters(
      filters.map(filter => ({
        ...filter,
        func: async (...args: unknown[]) => {
          await filter.func(...args);
          return HANDLED;
        },
      })),
    );
    return proxy.createProxy(target, handler, type);
  };
}
