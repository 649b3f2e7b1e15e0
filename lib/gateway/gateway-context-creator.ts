import type { ContextId, ExternalContextCreator } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { PARAM_ARGS_METADATA } from '@nestjs/websockets/constants.js';
import { WsException } from '@nestjs/websockets';
import { WsParamtype } from '@nestjs/websockets/enums/ws-paramtype.enum.js';
import { catchError, defer, ignoreElements, isObservable } from 'rxjs';
import type { WebSocket } from 'ws';
import { directHandler, type HandlerParameter, observe, payloadPart } from './direct-handler.js';
import { type Invocation, INVOCATION_INDEX } from './invocation.js';
import { wearMetadata } from './wrapped-method.js';

/** A guard said no. What a filter that catches `WsException` sees, as under Nest's own gateways. */
export class GuardRefusal extends WsException {
  constructor() {
    super('Forbidden resource');
  }
}

/**
 * A gateway's method with its guards, pipes, interceptors and filters around it. It may throw, and what it returns is
 * the result, a promise of it, or an Observable.
 */
export type GatewayHandler = (
  client: WebSocket,
  data: unknown,
  invocation: Invocation,
  pattern: string,
) => unknown;

/** The same as Nest builds it. */
type EnhancedHandler = (...args: unknown[]) => Promise<unknown>;

/** What Nest has found around a method. */
interface Enhancers {
  guards: readonly unknown[];
  interceptors: readonly unknown[];
  filters: readonly unknown[];
  /** Those of the application, the class and the method. */
  pipes: readonly unknown[];
  /** Each may have pipes of its own. */
  parameters: readonly HandlerParameter[];
}

/** The parameters of a handler without parameter decorators: `(client, data)`. */
const DEFAULT_PARAMETERS = {
  [`${WsParamtype.SOCKET}:0`]: { index: 0, data: undefined, pipes: [] },
  [`${WsParamtype.PAYLOAD}:1`]: { index: 1, data: undefined, pipes: [] },
};

const PARAMETERS_METADATA = 'fanout:parameters';

const paramsFactory = {
  exchangeKeyForValue(type: number, data: unknown, args: any[]): unknown {
    if (type === (WsParamtype.SOCKET as number)) return args[0];
    if (type === (WsParamtype.PAYLOAD as number)) return payloadPart(args[1], data);
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
 *
 * Where Nest found nothing to put around a method, {@link directHandler} calls it without Nest's chain of promises.
 */
export class GatewayContextCreator {
  readonly #nest: ExternalContextCreator;
  /** Filled by Nest's `create`, which is synchronous. */
  #found!: Enhancers;

  constructor(nest: ExternalContextCreator) {
    const own = nest as any;
    const filters = Object.create(own.filtersContextCreator, {
      getGlobalMetadata: { value: () => [] },
    });
    const interceptors = Object.create(own.interceptorsContextCreator, {
      create: {
        value: (...args: unknown[]) =>
          (this.#found.interceptors = own.interceptorsContextCreator.create(...args)),
      },
    });
    this.#nest = Object.create(nest, {
      filtersContextCreator: { value: filters },
      interceptorsContextCreator: { value: interceptors },
      transformToResult: { value: (result: unknown) => result },
      createGuardsFn: {
        value: (guards: unknown[], instance: object, callback: Function, contextType?: string) => {
          this.#found.guards = guards;
          return guardsFn(own.guardsConsumer, guards, instance, callback, contextType);
        },
      },
      createPipesFn: {
        value: (pipes: unknown[], parameters: HandlerParameter[]) => {
          Object.assign(this.#found, { pipes, parameters });
          const apply = own.createPipesFn(pipes, parameters) as
            ((args: unknown[], ...from: unknown[]) => Promise<void>) | null;
          return async (args: unknown[], ...from: unknown[]) => {
            await apply?.(args, ...from);
            args.push(from[INVOCATION_INDEX]);
          };
        },
      },
      externalErrorProxy: {
        value: {
          createProxy: (target: EnhancedHandler, handler: FilterHandler, type: string) => {
            this.#found.filters = handler.filters ?? [];
            return errorProxy(target, handler, type);
          },
        },
      },
    }) as ExternalContextCreator;
  }

  create(instance: object, method: string, contextId?: ContextId, inquirerId?: string): GatewayHandler {
    const callback = (instance as Record<string, (...args: unknown[]) => unknown>)[method]!;
    const target = instance.constructor;
    const parameters = Reflect.getMetadata(PARAM_ARGS_METADATA, target, method) ?? DEFAULT_PARAMETERS;
    Reflect.defineMetadata(PARAMETERS_METADATA, parameters, target, method);
    this.#found = { guards: [], interceptors: [], filters: [], pipes: [], parameters: [] };
    const enhanced = this.#nest.create(
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
    return isBare(this.#found) ? directHandler(instance, callback, this.#found.parameters) : enhanced;
  }
}

function isBare({ guards, interceptors, filters, pipes, parameters }: Enhancers): boolean {
  const around = [guards, interceptors, filters, pipes, ...parameters.map(parameter => parameter.pipes)];
  return around.every(enhancers => enhancers.length === 0);
}

/** The method as Nest's chain calls it: the invocation is its last argument. */
function observed(method: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  const call = function (this: unknown, ...args: unknown[]): unknown {
    const invocation = args.pop() as Invocation;
    return observe(invocation, method, this, args);
  };
  // Guards and interceptors read metadata from the handler, such as @SetMetadata() leaves.
  wearMetadata(call, method);
  return call;
}

function guardsFn(
  consumer: any,
  guards: unknown[],
  instance: object,
  callback: Function,
  contextType?: string,
): ((args: unknown[]) => Promise<void>) | null {
  if (guards.length === 0) return null;
  return async args => {
    const pass = (await consumer.tryActivate(guards, args, instance, callback, contextType)) as boolean;
    if (!pass) throw new GuardRefusal();
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
function errorProxy(target: EnhancedHandler, handler: FilterHandler, type: string): EnhancedHandler {
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
      const invocation = args[INVOCATION_INDEX] as Invocation;
      return result.pipe(
        catchError(exception => {
          if (invocation.feedsTopic?.()) throw exception;
          return defer(() => filtered(exception, args)).pipe(ignoreElements());
        }),
      );
    } catch (exception) {
      return filtered(exception, args);
    }
  };
}
