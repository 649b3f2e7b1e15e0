import { type CanActivate, type Type, UseGuards } from '@nestjs/common';
import { FanoutError, shown } from '../../errors/fanout-error.js';
import { requireService } from './served.js';
import { ownKey } from './own-metadata.js';

/** What `@UseHandshakeGuards` takes: a class that Nest builds, or an object. */
export type HandshakeGuard = Type<CanActivate> | CanActivate;

const GUARDS = ownKey('handshake-guards');

/** A method of the gateway that is there for Nest's scanner, which looks for guards on named methods only. */
const HANDLER = 'fanout:handshake';

/**
 * Guards that run before a client is let in: for every upgrade request to the gateway's path, in this order, and before
 * the 101. They are ordinary HTTP guards. Nest builds them, so they have their dependencies and their scope; the context
 * is of type `http`, with the real request and a response whose status and headers go into a refusal. Guards of
 * `@UseGuards` do not run then. Global guards run only with the option `globalEnhancers: 'handshake'`. All gateways
 * of a path have to let a client in.
 *
 * What they set as `request.user` becomes `connection.user`. `expiresAt`, on the request or on the user, says until when
 * that holds: a `Date` or milliseconds since 1970. `false` refuses with 403, an `HttpException` with its status and body,
 * and anything else that is thrown with 500.
 *
 * @param guards classes or objects with `canActivate()`; those of a base class run first
 * @throws FanoutError FANOUT_HANDSHAKE_GUARD when a guard is none, here or at start
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

/** The guards of a class, those of its base classes first; none where it has no `@UseHandshakeGuards`. */
export function handshakeGuardsOf(metatype: object): readonly HandshakeGuard[] {
  return (Reflect.getMetadata(GUARDS, metatype) as readonly HandshakeGuard[] | undefined) ?? [];
}

/** What `getHandler()` of an execution context gives during a handshake. */
export function handshakeHandlerOf(prototype: object): Function {
  return (prototype as Record<string, Function>)[HANDLER] ?? handshake;
}

/** The handler of a gateway without guards of its own, for global ones. */
function handshake(): void {}

function assertGuards(name: string, guards: readonly unknown[]): void {
  if (guards.length === 0) throw new FanoutError('FANOUT_HANDSHAKE_GUARD', name, 'there is none');
  for (const guard of guards) {
    // Whether a class has canActivate() shows when it is built: it may be a property.
    const isClass = typeof guard === 'function' && guard.prototype !== undefined;
    if (!isClass && !canActivate(guard))
      throw new FanoutError('FANOUT_HANDSHAKE_GUARD', name, `got ${shown(guard)}`);
  }
}

/** Whether something can be asked as a guard. */
export function canActivate(guard: unknown): guard is CanActivate {
  return typeof (guard as CanActivate | null | undefined)?.canActivate === 'function';
}
