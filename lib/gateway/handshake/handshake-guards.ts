import type { CanActivate, Type } from '@nestjs/common';
import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import { ExecutionContextHost, type Module } from '../nest/private-api.js';
import { FanoutError } from '../../errors/fanout-error.js';
import type { Gateway } from '../nest/gateway-explorer.js';
import type { HandshakeEnhancers, HandshakeScope } from './handshake-enhancers.js';
import { type HandshakeGuard, handshakeHandlerOf } from '../nest/handshake-guards.decorator.js';
import type { HandshakeRequest } from '../session/handshake-request.js';
import type { HandshakeResponse } from '../session/handshake-response.js';
import { releaseEnhancers } from '../nest/scope-release.js';
import { type Supply, supplyOf } from '../nest/supply.js';

/**
 * Handshake guards of one gateway. With `globalEnhancers: 'handshake'`, the global guards run before them and the
 * global interceptors after them. The decorator makes Nest's scanner register the guards in the module of the gateway,
 * so that they are built, overridden by tests and shut down like any other guard:
 * `docs/decisions/009-handshake-guards.md`.
 */
export class HandshakeGuards {
  readonly #gateway: Gateway;
  readonly #host: Module;
  readonly #handler: Function;
  readonly #guards: readonly Supply<CanActivate>[];
  readonly #globals: HandshakeEnhancers | undefined;

  /**
   * @param globals undefined if global guards and interceptors apply to messages
   * @throws FanoutError FANOUT_HANDSHAKE_GUARD when a guard cannot be asked, so that no client connects unchecked
   */
  constructor(gateway: Gateway, globals: HandshakeEnhancers | undefined) {
    this.#gateway = gateway;
    this.#globals = globals;
    this.#host = gateway.wrapper.host!;
    this.#handler = handshakeHandlerOf(gateway.metatype.prototype as object);
    this.#guards = gateway.handshakeGuards.map(guard => this.#supply(guard));
    if (this.#guards.length > 0) releaseEnhancers(gateway.wrapper, gateway.handshakeGuards);
  }

  /**
   * Asks the guards one after the other. Returns false as soon as one refuses, or has answered the request itself.
   * Rejects with the error of a guard.
   */
  async admit(request: HandshakeRequest, response: HandshakeResponse): Promise<boolean> {
    let made: HandshakeScope | undefined;
    const scope = (): HandshakeScope => (made ??= this.#scopeOf(request));
    const host = new ExecutionContextHost(
      [request, response, ignore],
      this.#gateway.metatype as Type,
      this.#handler,
    );
    host.setType('http');
    for (const guard of (await this.#globals?.guards(scope)) ?? [])
      if (!(await passes(guard, host)) || response.writableEnded) return false;
    for (const supply of this.#guards) {
      const guard = supply.load === undefined ? supply.instance : await supply.load(scope());
      if (!(await passes(guard, host)) || response.writableEnded) return false;
    }
    await this.#globals?.intercept(host, scope);
    return !response.writableEnded;
  }

  #supply(guard: HandshakeGuard): Supply<CanActivate> {
    try {
      return supplyOf('guards', guard, this.#host) as Supply<CanActivate>;
    } catch (error) {
      throw new FanoutError('FANOUT_HANDSHAKE_GUARD', this.#gateway.name, (error as Error).message);
    }
  }

  /** Makes the scope of a handshake, in which `@Inject(REQUEST)` gives the upgrade request. */
  #scopeOf(request: HandshakeRequest): HandshakeScope {
    const scope = ContextIdFactory.getByRequest(request);
    const moduleRef = this.#host.providers.get(ModuleRef)!.instance as ModuleRef;
    moduleRef.registerRequestByContextId(request, scope);
    return scope;
  }
}

/** Tells whether a guard lets a request pass; of an Observable the last value counts. */
async function passes(guard: CanActivate, host: ExecutionContextHost): Promise<unknown> {
  const result = await guard.canActivate(host);
  return isObservable(result) ? lastValueFrom(result) : result;
}

/** Stands for `next`, which Express passes to guards too. */
function ignore(): void {}
