import type { ExecutionContext } from '@nestjs/common';
import { type ApplicationConfig, ContextIdFactory } from '@nestjs/core';
import { EMPTY } from 'rxjs';
import type { InstanceWrapper } from './private-api.js';
import type { Broadcaster } from '../../broadcast/broadcaster.js';
import { load, scopedSupply } from './supply.js';
import { type StandardSchema, validated } from './standard-schema.js';

/** Options from a serializer or from `@SerializeOptions()`. */
interface SerializerOptions {
  readonly schema?: StandardSchema;
  readonly validateOptions?: unknown;
}

/**
 * Part of Nest's `ClassSerializerInterceptor` and `StandardSchemaSerializerInterceptor` that is used here, from any
 * copy of `@nestjs/common`.
 */
interface Serializer {
  readonly defaultOptions?: SerializerOptions;
  getContextOptions(context: ExecutionContext): SerializerOptions | undefined;
  serialize(value: unknown, options: object): unknown;
  intercept(context: ExecutionContext, next: { handle: () => typeof EMPTY }): unknown;
}

/** Publishing method, as an interceptor sees it. */
export interface PublishingMethod {
  readonly handler: Function;
  readonly target: Function;
}

/** Serializers of an application. Nest may add a static one at any time. */
interface Serializers {
  readonly config: ApplicationConfig;
  /**
   * Serializers of request or transient scope: one instance for all publications, because publications belong to no
   * request.
   */
  readonly scoped: readonly Serializer[];
}

const SERIALIZERS = new WeakMap<Broadcaster, Serializers>();

/**
 * Makes `@Publish` serialise values as a global `ClassSerializerInterceptor` or `StandardSchemaSerializerInterceptor` does for
 * HTTP, so that fields with `@Exclude()` stay hidden. Resolves when the interceptors have loaded their dependencies.
 */
export async function serializePublications(
  broadcaster: Broadcaster,
  config: ApplicationConfig,
): Promise<void> {
  const serializers = { config, scoped: await scopedSerializers(config) };
  SERIALIZERS.set(broadcaster, serializers);
  // Nest 12 loads class-transformer at the first call.
  const context = contextOf({ handler: serializePublications, target: Object });
  for (const serializer of allOf(serializers)) await serializer.intercept(context, { handle: () => EMPTY });
}

/** Returns the value serialised by the global interceptors; the same value without such interceptors. */
export function serializedPublication(
  broadcaster: Broadcaster,
  method: PublishingMethod,
  value: unknown,
): unknown {
  const serializers = SERIALIZERS.get(broadcaster);
  if (serializers === undefined) return value;
  const context = contextOf(method);
  return allOf(serializers).reduce((data, serializer) => {
    const options = { ...serializer.defaultOptions, ...serializer.getContextOptions(context) };
    if (!takesSchema(serializer)) return serializer.serialize(data, options);
    return options.schema === undefined ? data : validated(options.schema, options.validateOptions, data);
  }, value);
}

function scopedSerializers(config: ApplicationConfig): Promise<Serializer[]> {
  const wrappers = config.getGlobalRequestInterceptors().filter(isScopedSerializer);
  return Promise.all(
    wrappers.map(
      wrapper =>
        load(scopedSupply('interceptors', wrapper), ContextIdFactory.create()) as Promise<Serializer>,
    ),
  );
}

function allOf({ config, scoped }: Serializers): readonly Serializer[] {
  const fixed: readonly unknown[] = config.getGlobalInterceptors();
  return [...fixed.filter(isSerializer), ...scoped];
}

/** Tells whether an interceptor is one of Nest's serializers. */
export function isSerializer(interceptor: unknown): interceptor is Serializer {
  // A factory that returns nothing registers undefined.
  const { serialize, getContextOptions } = (interceptor ?? {}) as Partial<Serializer>;
  return typeof serialize === 'function' && typeof getContextOptions === 'function';
}

/** Tells whether an interceptor of request or transient scope is one of Nest's serializers. */
export function isScopedSerializer({ metatype }: InstanceWrapper): boolean {
  return isSerializer((metatype?.prototype as object | undefined) ?? {});
}

/** Tells whether a serializer takes a schema. Both serializers have the same methods, but the arguments differ. */
function takesSchema(serializer: object): boolean {
  for (let at: unknown = serializer; at !== null; at = Object.getPrototypeOf(at))
    if ((at as object).constructor?.name === 'StandardSchemaSerializerInterceptor') return true;
  return false;
}

function contextOf({ handler, target }: PublishingMethod): ExecutionContext {
  const context = { getHandler: () => handler, getClass: () => target, getType: () => 'rpc' };
  // Serializers read the method and its class only.
  return context as unknown as ExecutionContext;
}
