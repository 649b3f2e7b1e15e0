import type { ContextId } from '@nestjs/core';
import { Injector, type InstanceWrapper, type Module } from './private-api.js';
import { shown } from '../../errors/fanout-error.js';
import { ENHANCER_KINDS, type EnhancerKind, type EnhancerRef } from './declared.js';

/** Source of one enhancer: the same instance for every call, or one for each connection. */
export type Supply<T = unknown> =
  | { readonly instance: T; readonly load?: undefined }
  | { readonly instance?: undefined; load(context: ContextId): Promise<T> };

const injector = new Injector();

/**
 * Finds the enhancer that Nest has built for a class or object in a decorator. A missing enhancer is an error, so that
 * no guard is skipped silently.
 *
 * @param host module of the gateway
 * @throws TypeError that names the missing enhancer
 */
export function supplyOf(kind: EnhancerKind, ref: EnhancerRef, host: Module): Supply {
  const { member, noun } = ENHANCER_KINDS[kind];
  if (typeof ref !== 'function') return { instance: assertMember(ref, member, `the ${noun}`) };
  const wrapper = host.injectables.get(ref);
  if (wrapper === undefined) {
    // Nest takes a class with a static method of that name as the enhancer itself.
    if (has(ref, member)) return { instance: ref };
    throw new TypeError(`Nest has not built the ${noun} ${ref.name}`);
  }
  if (isScoped(wrapper)) return scopedSupply(kind, wrapper);
  const { instance } = wrapper as { instance: unknown };
  if (!has(instance, member) && has(ref, member)) return { instance: ref };
  return { instance: assertMember(instance, member, ref.name) };
}

/** Source of a request-scoped or transient enhancer, built for each context. */
export function scopedSupply(kind: EnhancerKind, wrapper: InstanceWrapper): Supply {
  const { member } = ENHANCER_KINDS[kind];
  const host = wrapper.host!;
  const placeholder = { constructor: wrapper.metatype };
  return {
    load: async context =>
      assertMember(
        await injector.loadPerContext(placeholder, host, host.injectables, context, wrapper),
        member,
        wrapper.name as string,
      ),
  };
}

/**
 * Source of a global enhancer that exists. @throws TypeError when the value is not an enhancer, such as the result of a
 * factory without `return`
 */
export function globalSupply(kind: EnhancerKind, instance: unknown): Supply {
  const { member, noun } = ENHANCER_KINDS[kind];
  return { instance: assertMember(instance, member, `a global ${noun}`) };
}

/** Returns the enhancer. A request-scoped or transient enhancer is built first. */
export function load<T>(supply: Supply<T>, context: ContextId): T | Promise<T> {
  return supply.load === undefined ? supply.instance : supply.load(context);
}

function isScoped(wrapper: InstanceWrapper): boolean {
  return !wrapper.isDependencyTreeStatic() || wrapper.isTransient;
}

/** Returns the enhancer. @throws TypeError when the method is missing */
function assertMember(enhancer: unknown, member: string, name: string): unknown {
  if (has(enhancer, member)) return enhancer;
  throw new TypeError(`${name} is ${shown(enhancer)}, without a method ${member}()`);
}

function has(value: unknown, member: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[member] === 'function';
}
