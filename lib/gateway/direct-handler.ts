import { WsParamtype } from '@nestjs/websockets/enums/ws-paramtype.enum.js';
import { isObservable } from 'rxjs';
import type { GatewayHandler } from './gateway-context-creator.js';
import type { Invocation } from './invocation.js';
import { isThenable } from './wrapped-method.js';

/** A parameter of a handler, as Nest prepared it. */
export interface HandlerParameter {
  readonly index: number;
  /** A {@link WsParamtype}, or a text for decorators made with `createParamDecorator()`. */
  readonly type: unknown;
  /** What the decorator was given. */
  readonly data?: unknown;
  readonly pipes: readonly unknown[];
  /** Takes what a {@link GatewayHandler} takes. */
  extractValue(...args: unknown[]): unknown;
}

type Method = (...args: unknown[]) => unknown;

type Read = (...args: Parameters<GatewayHandler>) => unknown;

/**
 * A method that nothing stands before or behind, called as it is: what it returns, throws or promises is the outcome at
 * once. Its parameters are read as Nest would, so a decorator may give a promise of the value.
 */
export function directHandler(
  instance: object,
  method: Method,
  parameters: readonly HandlerParameter[],
): GatewayHandler {
  const length = parameters.reduce((most, { index }) => Math.max(most, index + 1), 0);
  const reads = Array.from({ length }, (_, at) => reader(parameters.find(({ index }) => index === at)));
  const call = (args: unknown[], invocation: Invocation): unknown =>
    observe(invocation, method, instance, args);
  return (client, data, invocation, pattern) => {
    const args: unknown[] = [];
    let promised = false;
    for (const read of reads) {
      let value = read(client, data, invocation, pattern);
      if (isThenable(value)) {
        promised = true;
        value = Promise.resolve(value);
        // Another parameter may throw before anybody awaits this one.
        (value as Promise<unknown>).catch(ignore);
      }
      args.push(value);
    }
    return promised ? Promise.all(args).then(values => call(values, invocation)) : call(args, invocation);
  };
}

/** Calls the method, and tells the invocation when that happens and whether a stream came out. */
export function observe(invocation: Invocation, method: Method, instance: unknown, args: unknown[]): unknown {
  invocation.called?.();
  const result = method.apply(instance, args);
  if (isThenable(result))
    return result.then(value => (isObservable(value) ? invocation.streamed(value) : value));
  return isObservable(result) ? invocation.streamed(result) : result;
}

/** The two that a gateway knows by itself need no argument list. Between decorated parameters there may be others. */
function reader(parameter: HandlerParameter | undefined): Read {
  if (parameter === undefined) return () => undefined;
  const { type, data, extractValue } = parameter;
  if (type === WsParamtype.SOCKET) return client => client;
  if (type === WsParamtype.PAYLOAD) return (_, payload) => payloadPart(payload, data);
  return extractValue;
}

/** What `@MessageBody(property)` gives; the whole payload without a property. */
export function payloadPart(payload: unknown, property: unknown): unknown {
  return property ? (payload as Record<string, unknown> | undefined)?.[property as string] : payload;
}

function ignore(): void {}
