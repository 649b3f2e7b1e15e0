import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import type { WebSocket } from 'ws';
import { connectionOf } from './client-session.js';
import { invocationOf } from './invocation.js';
import { ownParameter } from './own-metadata.js';

const topicParam = createParamDecorator(
  ownParameter((name: string, context: ExecutionContext) => invocationOf(context)?.topic?.params[name]),
);

/**
 * The value of a `:name` of the `@Topic` pattern, in a `@Topic` method: `BRK.B` for the topic `prices.BRK~2EB`. Pipes are
 * applied as with `@Param()`.
 */
export function TopicParam(
  name: string,
  ...pipes: (Type<PipeTransform> | PipeTransform)[]
): ParameterDecorator {
  return topicParam(name, ...pipes);
}

/** The full name of the topic that is subscribed to, in a `@Topic` method. */
export const TopicName: () => ParameterDecorator = createParamDecorator(
  ownParameter((_: unknown, context: ExecutionContext) => invocationOf(context)?.topic?.name),
);

/** The {@link Connection} of the client, in every handler of a gateway. */
export const CurrentConnection: () => ParameterDecorator = createParamDecorator(
  ownParameter((_: unknown, context: ExecutionContext) =>
    connectionOf(context.switchToWs().getClient<WebSocket>()),
  ),
);
