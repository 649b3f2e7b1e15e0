import type { ArgumentMetadata, CanActivate, NestInterceptor, PipeTransform } from '@nestjs/common';
import { catchError, defer, ignoreElements, isObservable, lastValueFrom } from 'rxjs';
import { FILTER_CATCH_EXCEPTIONS, InterceptorsConsumer, PipesConsumer } from '../nest/private-api.js';
import { type CallArguments, callArguments, invocationIn } from '../nest/invocation.js';
import { coverBaseFilter, FilterHost } from './base-filter.js';
import type { DeclaredRoute } from '../nest/declared.js';
import { type Method, observe, parameterCount } from './direct-handler.js';
import type { HandlerFunction } from '../nest/gateway-handler.js';
import { GuardRefusal } from '../nest/guard-refusal.js';
import { contextOf, type HandlerParameter } from './parameters.js';

/** Filter of a handler. */
interface Filter {
  catch(exception: unknown, host: unknown): unknown;
}

/** Enhancers of one handler, in the order in which they are asked. The last filter is asked first. */
export interface Enhancers {
  readonly guards: readonly CanActivate[];
  /** Pipes for every parameter. */
  readonly pipes: readonly PipeTransform[];
  readonly interceptors: readonly NestInterceptor[];
  readonly filters: readonly Filter[];
  readonly parameters: readonly HandlerParameter[];
}

const interceptorsConsumer = new InterceptorsConsumer();
const pipesConsumer = new PipesConsumer();

/**
 * Makes the handler of a method with enhancers: guards, then interceptors around pipes and method, and filters around
 * everything, in the order of Nest's own gateways. The handler differs from Nest's in two points. An Observable is
 * passed on unchanged. An exception that no filter catches is thrown, not logged.
 */
export function enhancedHandler(
  route: DeclaredRoute,
  instance: object,
  method: Method,
  enhancers: Enhancers,
): HandlerFunction {
  const { guards, interceptors } = enhancers;
  const filtered = filteredBy(enhancers.filters);
  return async (client, data, invocation, pattern) => {
    const args = callArguments(client, data, invocation, pattern);
    try {
      await passGuards(guards, args, route);
      const result: unknown = await interceptorsConsumer.intercept(
        interceptors as NestInterceptor[],
        args,
        instance,
        route.handler as Method,
        async () => observe(invocation, method, instance, await pipedArguments(enhancers, args)),
        'ws',
      );
      if (!isObservable(result)) return result;
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

/** Makes a function that passes an exception to the last filter for its type, or throws the exception again. */
function filteredBy(
  filters: readonly Filter[],
): (exception: unknown, args: CallArguments) => Promise<undefined> {
  const entries = filters.toReversed().map(filter => {
    coverBaseFilter(filter);
    return { types: caughtBy(filter), handle: filter.catch.bind(filter) };
  });
  return async (exception, args) => {
    const entry = entries.find(
      ({ types }) => types.length === 0 || types.some(type => exception instanceof type),
    );
    if (entry === undefined) throw exception;
    const host = new FilterHost(args);
    host.setType('ws');
    await entry.handle(exception, host);
    host.rethrow();
    invocationIn(args).filtered?.();
    return undefined;
  };
}

/** Asks the guards one after the other. @throws GuardRefusal when a guard returns false, or the error of a guard */
async function passGuards(
  guards: readonly CanActivate[],
  args: CallArguments,
  route: DeclaredRoute,
): Promise<void> {
  if (guards.length === 0) return;
  const context = contextOf(args, route);
  for (const guard of guards) {
    const result = await guard.canActivate(context);
    if (!(isObservable(result) ? await lastValueFrom(result) : result)) throw new GuardRefusal();
  }
}

/**
 * Returns the values of a method's parameters. Each value passes the common pipes first, then the pipes of its
 * parameter.
 */
async function pipedArguments({ pipes, parameters }: Enhancers, args: CallArguments): Promise<unknown[]> {
  const values = Array.from<unknown>({ length: parameterCount(parameters) });
  const [client, data, , pattern] = args;
  await Promise.all(
    parameters.map(async ({ index, read, type, data: argument, metatype, schema, pipes: own }) => {
      const value = read(client, data, invocationIn(args), pattern, args);
      const all = [...pipes, ...own];
      // Later versions of Nest pass the schema to pipes too.
      const metadata = { metatype, type, data: argument, schema };
      values[index] = await (all.length === 0
        ? value
        : pipesConsumer.apply(value, metadata as ArgumentMetadata, all));
    }),
  );
  return values;
}

/**
 * Returns the exception classes in `@Catch()`. An empty list catches all. Nest 12 stores the list on the prototype too.
 */
function caughtBy(filter: Filter): readonly (new (...args: never[]) => unknown)[] {
  const prototype = Object.getPrototypeOf(filter) as object;
  return (
    Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, prototype) ??
    Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, prototype.constructor) ??
    []
  );
}
