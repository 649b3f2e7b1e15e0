import { types } from 'node:util';
import { passOn } from '../nest/async-values.js';
import type { Invocation } from '../nest/invocation.js';
import { isThenable } from '../nest/wrapped-method.js';
import type { HandlerFunction } from '../nest/gateway-handler.js';
import type { HandlerParameter, ReadParameter } from './parameters.js';

/** Method of a gateway, called with its instance. */
export type Method = (...args: unknown[]) => unknown;

/**
 * Makes the handler of a method without enhancers. The handler returns or throws what the method returns or throws. A
 * parameter decorator may return a promise of the value, as under Nest.
 */
export function directHandler(
  instance: object,
  method: Method,
  parameters: readonly HandlerParameter[],
): HandlerFunction {
  const reads = Array.from({ length: parameterCount(parameters) }, (_, at): ReadParameter => {
    const parameter = parameters.find(({ index }) => index === at);
    return parameter === undefined ? nothing : parameter.read;
  });
  const call = (args: unknown[], invocation: Invocation): unknown =>
    observe(invocation, method, instance, args);
  // Called in a microtask, so that the result comes before frames of process.nextTick(), as under Nest.
  const later = types.isAsyncFunction(method);
  return (client, data, invocation, pattern) => {
    const args: unknown[] = [];
    let promised = false;
    for (const read of reads) {
      let value = read(client, data, invocation, pattern);
      if (isThenable(value)) {
        promised = true;
        value = Promise.resolve(value);
        // Another parameter may throw before this promise is awaited.
        (value as Promise<unknown>).catch(nothing);
      }
      args.push(value);
    }
    if (promised) return Promise.all(args).then(values => call(values, invocation));
    return later ? Promise.resolve().then(() => call(args, invocation)) : call(args, invocation);
  };
}

/** Calls the method, and tells the invocation about the call and about a returned stream. */
export function observe(invocation: Invocation, method: Method, instance: unknown, args: unknown[]): unknown {
  invocation.called?.();
  const result = method.apply(instance, args);
  return isThenable(result) ? result.then(value => passOn(invocation, value)) : passOn(invocation, result);
}

/** Number of arguments for a method, up to its last decorated parameter. */
export function parameterCount(parameters: readonly HandlerParameter[]): number {
  return parameters.reduce((most, { index }) => Math.max(most, index + 1), 0);
}

function nothing(): void {}
