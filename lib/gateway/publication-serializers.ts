import type { ExecutionContext } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { EMPTY } from 'rxjs';
import type { Broadcaster } from '../broadcast/broadcaster.js';

/** Part of Nest's `ClassSerializerInterceptor`, also of another copy of `@nestjs/common`. */
interface ClassSerializer {
  readonly defaultOptions?: object;
  getContextOptions(context: ExecutionContext): object | undefined;
  serialize(value: unknown, options: object): unknown;
  intercept(context: ExecutionContext, next: { handle: () => typeof EMPTY }): unknown;
}

/** Publishing method, as an interceptor sees it. */
export interface PublishingMethod {
  readonly handler: Function;
  readonly target: Function;
}

const SERIALIZERS = new WeakMap<Broadcaster, ApplicationConfig>();

/**
 * Makes `@Publish` serialise values as the global `ClassSerializerInterceptor` does for HTTP, so that fields with `@Exclude()`
 * stay hidden. Resolves when the interceptor has loaded its dependencies.
 */
export async function serializePublications(
  broadcaster: Broadcaster,
  config: ApplicationConfig,
): Promise<void> {
  SERIALIZERS.set(broadcaster, config);
  // Nest 12 loads class-transformer with the first call.
  const context = contextOf({ handler: serializePublications, target: Object });
  for (const serializer of serializersOf(config))
    await serializer.intercept(context, { handle: () => EMPTY });
}

/** The value serialised by the global interceptor; the value itself where there is none. */
export function serializedPublication(
  broadcaster: Broadcaster,
  method: PublishingMethod,
  value: unknown,
): unknown {
  const config = SERIALIZERS.get(broadcaster);
  if (config === undefined) return value;
  const context = contextOf(method);
  return serializersOf(config).reduce((data, serializer) => {
    const options = { ...serializer.defaultOptions, ...serializer.getContextOptions(context) };
    return serializer.serialize(data, options);
  }, value);
}

function serializersOf(config: ApplicationConfig): ClassSerializer[] {
  return (config.getGlobalInterceptors() as unknown as Partial<ClassSerializer>[]).filter(isSerializer);
}

function isSerializer(interceptor: Partial<ClassSerializer>): interceptor is ClassSerializer {
  return typeof interceptor.serialize === 'function' && typeof interceptor.getContextOptions === 'function';
}

function contextOf({ handler, target }: PublishingMethod): ExecutionContext {
  const context = { getHandler: () => handler, getClass: () => target, getType: () => 'rpc' };
  return context as unknown as ExecutionContext;
}
