import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import type { WebSocket } from 'ws';
import type { TopicParameters } from '../../topic/filled-topic.js';
import type { Topics } from '../../topic/topics.js';
import { connectionOf } from './client-session.js';
import { invocationOf } from '../nest/invocation.js';
import { ownParameter } from '../nest/own-metadata.js';

const topicParamOf = ownParameter(
  (name: string, context: ExecutionContext) => invocationOf(context)?.topic?.params[name],
);
const topicNameOf = ownParameter(
  (_: unknown, context: ExecutionContext) => invocationOf(context)?.topic?.name,
);
const currentConnection = ownParameter((_: unknown, context: ExecutionContext) =>
  connectionOf(context.switchToWs().getClient<WebSocket>()),
);

const topicParam = createParamDecorator(topicParamOf);

/** Names of our decorators, by the function in Nest's metadata of a parameter. */
const DECORATORS = new Map<object, string>([
  [topicParamOf, 'TopicParam'],
  [topicNameOf, 'TopicName'],
  [currentConnection, 'CurrentConnection'],
]);

/** Returns the name of our decorator with this function; undefined for any other decorator. */
export function decoratorOf(factory: object | undefined): string | undefined {
  return factory && DECORATORS.get(factory);
}

/**
 * Value of a `:name` of the `@Topic` pattern, in a `@Topic` method: `BRK.B` for the topic `prices.BRK~2EB`. Pipes are
 * applied as with `@Param()`. The parameters of declared `Topics` are suggested as names.
 * `@TopicParam<'prices.:symbol'>('symbol')` accepts the names of that pattern only.
 */
export function TopicParam(
  name: TopicParameters<keyof Topics & string> | (string & {}),
  ...pipes: (Type<PipeTransform> | PipeTransform)[]
): ParameterDecorator;
export function TopicParam<Pattern extends string>(
  name: TopicParameters<Pattern>,
  ...pipes: (Type<PipeTransform> | PipeTransform)[]
): ParameterDecorator;
export function TopicParam(
  name: string,
  ...pipes: (Type<PipeTransform> | PipeTransform)[]
): ParameterDecorator {
  return topicParam(name, ...pipes);
}

/** Full name of the requested topic, in a `@Topic` method. */
export const TopicName: () => ParameterDecorator = createParamDecorator(topicNameOf);

/** {@link Connection} of the client, in every handler of a gateway. */
export const CurrentConnection: () => ParameterDecorator = createParamDecorator(currentConnection);
