import type { PipeTransform, Type } from '@nestjs/common';
import { ExecutionContextHost, WsParamsFactory, WsParamtype } from '../nest/private-api.js';
import { type CallArguments, callArguments } from '../nest/invocation.js';
import type { DeclaredParameter, DeclaredRoute } from '../nest/declared.js';
import type { HandlerFunction } from '../nest/gateway-handler.js';

/** Reads a parameter's value. `args` are the arguments of the execution context, if the call has one. */
export type ReadParameter = (...call: [...Parameters<HandlerFunction>, args?: CallArguments]) => unknown;

/** Parameter of a handler, with its reader. */
export interface HandlerParameter extends Omit<DeclaredParameter, 'pipes'> {
  readonly read: ReadParameter;
  /** Pipes of the parameter itself. */
  readonly pipes: readonly PipeTransform[];
}

/** Nest's reader of parameters, for types that later versions of Nest may add. */
const nestParameters = new WsParamsFactory();

/** Makes the reader of one parameter. Socket and payload need no argument list. */
export function readerOf(parameter: DeclaredParameter, route: DeclaredRoute): ReadParameter {
  const { type, data, factory } = parameter;
  if (factory !== undefined)
    return (client, payload, invocation, pattern, args) =>
      factory(data, contextOf(args ?? callArguments(client, payload, invocation, pattern), route));
  switch (type) {
    case WsParamtype.SOCKET:
      return client => client;
    case WsParamtype.PAYLOAD:
      return (_, payload) => payloadPart(payload, data);
    case WsParamtype.ACK:
      return (_, __, invocation) => (value: unknown) => invocation.acknowledge?.(value);
    default:
      return (client, payload, invocation, pattern, args) =>
        nestParameters.exchangeKeyForValue(
          type as number,
          data as string,
          args ?? callArguments(client, payload, invocation, pattern),
        );
  }
}

/** Makes the execution context of a call, for guards and parameter decorators. */
export function contextOf(
  args: CallArguments,
  { metatype, handler }: Pick<DeclaredRoute, 'metatype' | 'handler'>,
): ExecutionContextHost {
  const context = new ExecutionContextHost(args, metatype as Type, handler);
  context.setType('ws');
  return context;
}

/** Returns the value of `@MessageBody(property)`; the whole payload without a property. */
function payloadPart(payload: unknown, property: unknown): unknown {
  return property ? (payload as Record<string, unknown> | undefined)?.[property as string] : payload;
}
