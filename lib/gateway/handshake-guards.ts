import type { CanActivate, Type } from '@nestjs/common';
import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Injector } from '@nestjs/core/injector/injector.js';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { Module } from '@nestjs/core/injector/module.js';
import { isObservable, lastValueFrom } from 'rxjs';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { Gateway } from './gateway-explorer.js';
import type { HandshakeEnhancers, HandshakeScope } from './handshake-enhancers.js';
import { canActivate, type HandshakeGuard, handshakeHandlerOf } from './handshake-guards.decorator.js';
import type { HandshakeRequest } from './handshake-request.js';
import type { HandshakeResponse } from './handshake-response.js';

/** Gives a guard for one handshake; the same one each time, unless it is of a scope of its own. */
type Provided = CanActivate | ((scope: HandshakeScope) => Promise<unknown>);

/**
 * The handshake guards of one gateway, and with `globalEnhancers: 'handshake'` the global guards before them and the global
 * interceptors behind them. The decorator has them registered by Nest's scanner, in the module of the gateway,
 * so that they are built, overridden by tests and shut down like any other guard: `docs/decisions/009-handshake-guards.md`.
 */
export class HandshakeGuards {
  readonly #gateway: Gateway;
  readonly #host: Module;
  readonly #injector = new Injector();
  readonly #handler: Function;
  readonly #guards: readonly Provided[];
  readonly #globals: HandshakeEnhancers | undefined;

  /**
   * @param globals undefined where global guards and interceptors apply to messages
   * @throws FanoutError FANOUT_HANDSHAKE_GUARD when one of them cannot be asked: nobody may be let in for that
   */
  constructor(gateway: Gateway, globals: HandshakeEnhancers | undefined) {
    this.#gateway = gateway;
    this.#globals = globals;
    this.#host = gateway.wrapper.host!;
    this.#handler = handshakeHandlerOf(gateway.metatype.prototype as object);
    this.#guards = gateway.handshakeGuards.map(guard => this.#provide(guard));
    if (this.#guards.length > 0) this.#release();
  }

  /** Asks one after the other; false as soon as one refuses, or has answered the request by itself. Rejects with what it throws. */
  async admit(request: HandshakeRequest, response: HandshakeResponse): Promise<boolean> {
    let made: HandshakeScope | undefined;
    const scope = (): HandshakeScope => (made ??= this.#scopeOf(request));
    const host = new ExecutionContextHost(
      [request, response, ignore],
      this.#gateway.metatype as never,
      this.#handler,
    );
    host.setType('http');
    for (const guard of (await this.#globals?.guards(scope)) ?? [])
      if (!(await passes(guard, host)) || response.writableEnded) return false;
    for (const provided of this.#guards) {
      const guard = typeof provided === 'function' ? await provided(scope()) : provided;
      if (!canActivate(guard)) throw new TypeError(`A handshake guard of ${this.#gateway.name} is none.`);
      if (!(await passes(guard, host)) || response.writableEnded) return false;
    }
    await this.#globals?.intercept(host, scope);
    return !response.writableEnded;
  }

  #provide(guard: HandshakeGuard): Provided {
    if (typeof guard !== 'function') return guard;
    const wrapper = this.#host.injectables.get(guard);
    if (wrapper === undefined) this.#refuse(`Nest has not built ${guard.name}`);
    if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient)
      return scope => this.#load(guard, wrapper, scope);
    const instance: unknown = wrapper.instance;
    // In place of a guard, a test may have put anything.
    if (!canActivate(instance)) this.#refuse(`${guard.name} is ${shown(instance)}`);
    return instance;
  }

  /** A guard of this handshake alone. */
  async #load(guard: Type, wrapper: InstanceWrapper, scope: HandshakeScope): Promise<unknown> {
    const { injectables } = this.#host;
    const host = wrapper.instance ?? { constructor: guard };
    return this.#injector.loadPerContext(host as never, this.#host, injectables, scope, wrapper);
  }

  /** `@Inject(REQUEST)` gives the upgrade request in it. */
  #scopeOf(request: HandshakeRequest): HandshakeScope {
    const scope = ContextIdFactory.getByRequest(request);
    const moduleRef = this.#host.providers.get(ModuleRef)!.instance as ModuleRef;
    moduleRef.registerRequestByContextId(request, scope);
    return scope;
  }

  /**
   * Guards of a scope make the gateway one of that scope, as everywhere in Nest. For the connection's own context, where
   * the request is a socket, they must not be built once more: the scanner has noted each of them once for that.
   */
  #release(): void {
    const { wrapper } = this.#gateway;
    // What Nest has found with them holds: it looks again now and then, and would take the gateway for one that is built.
    const isStatic = wrapper.isDependencyTreeStatic();
    Object.defineProperty(wrapper, 'isDependencyTreeStatic', { value: () => isStatic });
    const enhancers = wrapper.getEnhancersMetadata() ?? [];
    for (const guard of this.#gateway.handshakeGuards) {
      const at = enhancers.findIndex(({ token }) => token === guard);
      if (at >= 0) enhancers.splice(at, 1);
    }
  }

  #refuse(reason: string): never {
    throw new FanoutError('FANOUT_HANDSHAKE_GUARD', this.#gateway.name, reason);
  }
}

/** Whether a guard lets a request pass; of an Observable the last value counts. */
async function passes(guard: CanActivate, host: ExecutionContextHost): Promise<unknown> {
  const result = await guard.canActivate(host);
  return isObservable(result) ? lastValueFrom(result) : result;
}

/** Express hands `next` to guards as well. */
function ignore(): void {}
