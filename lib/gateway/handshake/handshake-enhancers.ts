import type { CanActivate, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { ApplicationConfig, ContextIdFactory } from '@nestjs/core';
import { defer, lastValueFrom, mergeMap, type Observable, of } from 'rxjs';
import type { InstanceWrapper } from '../nest/private-api.js';
import { shown } from '../../errors/fanout-error.js';
import { canActivate } from '../nest/handshake-guards.decorator.js';
import type { GlobalEnhancers } from '../protection/protection.js';
import { load, scopedSupply } from '../nest/supply.js';
import { isScopedSerializer, isSerializer } from '../nest/publication-serializers.js';

/** Scope of one handshake, as created by Nest. */
export type HandshakeScope = ReturnType<typeof ContextIdFactory.create>;

/**
 * Global guards and interceptors of an application. They are read at each handshake, because `useGlobalGuards()` may
 * add one after the start. Request-scoped and transient ones are built for each handshake.
 */
export class HandshakeEnhancers {
  readonly #config: GlobalEnhancers;

  constructor(config: GlobalEnhancers) {
    this.#config = config;
  }

  /**
   * Returns the global guards. @throws TypeError for a guard without `canActivate()`, so that no client connects
   * unchecked
   */
  async guards(scope: () => HandshakeScope): Promise<readonly CanActivate[]> {
    const scoped = await built('guards', this.#config.getGlobalRequestGuards(), scope);
    const guards: readonly unknown[] = [...this.#config.getGlobalGuards(), ...scoped];
    for (const guard of guards)
      if (!canActivate(guard)) throw new TypeError(`A global guard has no canActivate(): ${shown(guard)}.`);
    return guards as readonly CanActivate[];
  }

  /** Runs the interceptors around an empty handler. Rejects with the error of an interceptor. */
  async intercept(context: ExecutionContext, scope: () => HandshakeScope): Promise<void> {
    const scoped = await built('interceptors', this.#config.getGlobalRequestInterceptors(), scope);
    const interceptors = [...this.#config.getGlobalInterceptors(), ...scoped] as readonly NestInterceptor[];
    if (interceptors.length > 0)
      await lastValueFrom(within(interceptors, context), { defaultValue: undefined });
  }
}

/** Builds request-scoped and transient enhancers for one handshake. */
function built(
  kind: 'guards' | 'interceptors',
  wrappers: readonly InstanceWrapper[],
  scope: () => HandshakeScope,
): Promise<readonly unknown[]> {
  return Promise.all(wrappers.map(wrapper => load(scopedSupply(kind, wrapper), scope())));
}

/** Returns the global enhancers of messages, and of the handshake if any, by the option `globalEnhancers`. */
export function globalsOf(
  config: ApplicationConfig,
  where: 'messages' | 'handshake',
): { readonly globals: GlobalEnhancers; readonly enhancers: HandshakeEnhancers | undefined } {
  if (where === 'messages') return { globals: config, enhancers: undefined };
  const none = () => [];
  const globals: GlobalEnhancers = {
    getGlobalGuards: none,
    getGlobalRequestGuards: none,
    // Serializers hide fields, and read no request.
    getGlobalInterceptors: () => config.getGlobalInterceptors().filter(isSerializer),
    getGlobalRequestInterceptors: () => config.getGlobalRequestInterceptors().filter(isScopedSerializer),
    getGlobalPipes: () => config.getGlobalPipes(),
    getGlobalRequestPipes: () => config.getGlobalRequestPipes(),
  };
  return { globals, enhancers: new HandshakeEnhancers(config) };
}

/** Runs the first interceptor of a chain around the others. */
function within(
  [first, ...others]: readonly NestInterceptor[],
  context: ExecutionContext,
): Observable<unknown> {
  if (first === undefined) return of(undefined);
  return defer(async () => first.intercept(context, { handle: () => within(others, context) })).pipe(
    mergeMap(result => result),
  );
}
