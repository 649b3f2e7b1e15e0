import { type CanActivate, type Type, UseGuards } from '@nestjs/common';
import { FanoutError, shown } from '../../errors/fanout-error.js';
import { requireService } from './served.js';
import { ownKey } from './own-metadata.js';

/** Argument of `@UseHandshakeGuards`: a class that Nest builds, or an object. */
export type HandshakeGuard = Type<CanActivate> | CanActivate;

const GUARDS = ownKey('handshake-guards');

/** Name of a gateway method that exists only for Nest's scanner. The scanner finds guards on named methods only. */
const HANDLER = 'fanout:handshake';

/**
 * Guards that run for every upgrade request to the gateway's path, in this order, before the 101. They are ordinary
 * HTTP guards, built by Nest with their dependencies and scope. The context is of type `http`, with the real request
 * and a response. Its status and headers go into a refusal. Guards of `@UseGuards` do not run in the handshake. Global
 * guards run only with the option `globalEnhancers: 'handshake'`. The client must pass the guards of all gateways of
 * the path.
 *
 * `request.user`, set by a guard, becomes `connection.user`. `expiresAt`, on the request or on the user, limits its
 * validity: a `Date` or milliseconds since 1970. `false` refuses with 403, an `HttpException` with its status and body,
 * and any other error with 500.
 *
 * @param guards classes or objects with `canActivate()`; the guards of a base class run first
 * @throws FanoutError FANOUT_HANDSHAKE_GUARD when an argument is not a guard, here or at start
 */
export function UseHandshakeGuards(...guards: readonly HandshakeGuard[]): ClassDecorator {
  return target => {
    assertGuards(target.name, guards);
    const all = [...handshakeGuardsOf(target), ...guards];
    Reflect.defineMetadata(GUARDS, all, target);
    const handler = { handshake() {} }.handshake;
    Object.defineProperty(target.prototype, HANDLER, { value: handler, configurable: true });
    requireService(target);
    UseGuards(...all)(target.prototype as object, HANDLER, { value: handler });
  };
}

/** Returns the guards of a class, base classes first; empty without `@UseHandshakeGuards`. */
export function handshakeGuardsOf(metatype: object): readonly HandshakeGuard[] {
  return (Reflect.getMetadata(GUARDS, metatype) as readonly HandshakeGuard[] | undefined) ?? [];
}

/** Returns the handler for the execution context of a handshake. */
export function handshakeHandlerOf(prototype: object): Function {
  return (prototype as Record<string, Function>)[HANDLER] ?? handshake;
}

/** Handler of a gateway that has no handshake guards, for global guards. */
function handshake(): void {}

function assertGuards(name: string, guards: readonly unknown[]): void {
  if (guards.length === 0) throw new FanoutError('FANOUT_HANDSHAKE_GUARD', name, 'there is none');
  for (const guard of guards) {
    // A class cannot be checked yet: `canActivate` may be a property of its instances.
    const isClass = typeof guard === 'function' && guard.prototype !== undefined;
    if (!isClass && !canActivate(guard))
      throw new FanoutError('FANOUT_HANDSHAKE_GUARD', name, `got ${shown(guard)}`);
  }
}

/** Tells whether a value has the method of a guard. */
export function canActivate(guard: unknown): guard is CanActivate {
  return typeof (guard as CanActivate | null | undefined)?.canActivate === 'function';
}
