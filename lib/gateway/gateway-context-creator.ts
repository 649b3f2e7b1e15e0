import type { ContextId, ExternalContextCreator } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { PARAM_ARGS_METADATA } from '@nestjs/websockets/constants.js';
import { WsException } from '@nestjs/websockets';
import { WsParamtype } from '@nestjs/websockets/enums/ws-paramtype.enum.js';
import { catchError, defer, ignoreElements, isObservable } from 'rxjs';
import { type Invocation, INVOCATION_INDEX } from './invocation.js';
import { isThenable, wearMetadata } from './wrapped-method.js';

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

const paramsFactory = {
  exchangeKeyForValue(type: number, data: unknown, args: any[]): unknown {
    if (type === (WsParamtype.SOCKET as number)) return args[0];
    if (type === (WsParamtype.PAYLOAD as number)) return data ? args[1]?.[data as string] : args[1];
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
 * are shared and nothing of it is copied. `test/e2e/nest/` holds the outcome on each Nest version.
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
      externalErrorProxy: { value: { createProxy: errorProxy } },
    }) as ExternalContextCreator;
  }

  create(instance: object, method: string, contextId?: ContextId, inquirerId?: string): GatewayHandler {
    const callback = (instance as Record<string, (...args: unknown[]) => unknown>)[method]!;
    const target = instance.constructor;
    const parameters = Reflect.getMetadata(PARAM_ARGS_METADATA, target, method) ?? DEFAULT_PARAMETERS;
    Reflect.defineMetadata(PARAMETERS_METADATA, parameters, target, method);
    return this.#nest.create(
      instance as never,
      observed(callback),
      method,
      PARAMETERS_METADATA,
      paramsFactory,
      contextId,
      inquirerId,
      undefined,
      'ws',
    );
  }
}

/** Calls the method, and tells the invocation, its last argument, when that happens and whether a stream came out. */
function observed(method: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  const call = function (this: unknown, ...args: unknown[]): unknown {
    const invocation = args.pop() as Invocation;
    invocation.called?.();
    const result = method.apply(this, args);
    const passOn = (value: unknown): unknown => (isObservable(value) ? invocation.streamed(value) : value);
    return isThenable(result) ? result.then(passOn) : passOn(result);
  };
  // Guards and interceptors read metadata from the handler, such as @SetMetadata() leaves.
  wearMetadata(call, method);
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

/** A handler's filters, as Nest prepared them. */
interface FilterHandler {
  readonly filters?: readonly { readonly func: (...args: unknown[]) => unknown }[];
  setCustomFilters(filters: unknown[]): void;
  /** The outcome of the filter that catches the exception, or nothing when none does. */
  invokeCustomFilters(exception: unknown, host: ExecutionContextHost): Promise<void> | null | undefined;
}

/**
 * Runs the filters of a handler, also for what its Observable throws. Nest's own proxy logs every exception that no
 * filter catches, those meant for the client too, which on a public socket is a log flood.
 */
function errorProxy(target: GatewayHandler, handler: FilterHandler, type: string): GatewayHandler {
  // A promise from each, so that a filter that returned nothing is told from no filter.
  const filters = (handler.filters ?? []).map(filter => ({
    ...filter,
    func: async (...args: unknown[]) => void (await filter.func(...args)),
  }));
  handler.setCustomFilters(filters);
  const filtered = async (exception: unknown, args: unknown[]): Promise<undefined> => {
    const host = new ExecutionContextHost(args as never);
    host.setType(type);
    const handled = handler.invokeCustomFilters(exception, host);
    if (!handled) throw exception;
    await handled;
    (args[INVOCATION_INDEX] as Invocation).filtered?.();
    return undefined;
  };
  return async (...args) => {
    try {
      const result = await target(...args);
      if (!isObservable(result)) return result;
      const { feedsTopic } = args[INVOCATION_INDEX] as Invocation;
      return result.pipe(
        catchError(exception => {
          if (feedsTopic?.()) throw exception;
          return defer(() => filtered(exception, args)).pipe(ignoreElements());
        }),
      );
    } catch (exception) {
      return filtered(exception, args);
    }
  };
}
