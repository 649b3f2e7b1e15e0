import type { CanActivate, Type } from '@nestjs/common';
import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Injector } from '@nestjs/core/injector/injector.js';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { Module } from '@nestjs/core/injector/module.js';
import { isObservable, lastValueFrom } from 'rxjs';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { Gateway } from './gateway-explorer.js';
import { canActivate, type HandshakeGuard, handshakeHandlerOf } from './handshake-guards.decorator.js';
import type { HandshakeRequest } from './handshake-request.js';
import type { HandshakeResponse } from './handshake-response.js';

type Context = ReturnType<typeof ContextIdFactory.create>;

/** Gives a guard for one handshake; the same one each time, unless it is of a scope of its own. */
type Provided = CanActivate | ((context: Context) => Promise<unknown>);

/**
 * The handshake guards of one gateway. The decorator has them registered by Nest's scanner, in the module of the gateway,
 * so that they are built, overridden by tests and shut down like any other guard: `docs/decisions/009-handshake-guards.md`.
 */
export class HandshakeGuards {
  readonly #gateway: Gateway;
  readonly #host: Module;
  readonly #injector = new Injector();
  readonly #handler: Function;
  readonly #guards: readonly Provided[];

  /** @throws FanoutError FANOUT_HANDSHAKE_GUARD when one of them cannot be asked: nobody may be let in for that */
  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    this.#host = gateway.wrapper.host!;
    this.#handler = handshakeHandlerOf(gateway.metatype.prototype as object);
    this.#guards = gateway.handshakeGuards.map(guard => this.#provide(guard));
    this.#release();
  }

  /** Asks one after the other; false as soon as one refuses, or has answered the request by itself. Rejects with what it throws. */
  async admit(request: HandshakeRequest, response: HandshakeResponse): Promise<boolean> {
    let context: Context | undefined;
    const args = [request, response, ignore];
    const host = new ExecutionContextHost(args, this.#gateway.metatype as never, this.#handler);
    host.setType('http');
    for (const provided of this.#guards) {
      const guard =
        typeof provided === 'function' ? await provided((context ??= this.#contextOf(request))) : provided;
      if (!canActivate(guard)) throw new TypeError(`A handshake guard of ${this.#gateway.name} is none.`);
      const result = await guard.canActivate(host);
      const passed: unknown = isObservable(result) ? await lastValueFrom(result) : result;
      if (!passed || response.writableEnded) return false;
    }
    return true;
  }

  #provide(guard: HandshakeGuard): Provided {
    if (typeof guard !== 'function') return guard;
    const wrapper = this.#host.injectables.get(guard);
    if (wrapper === undefined) this.#refuse(`Nest has not built ${guard.name}`);
    if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient)
      return context => this.#load(guard, wrapper, context);
    const instance: unknown = wrapper.instance;
    // In place of a guard, a test may have put anything.
    if (!canActivate(instance)) this.#refuse(`${guard.name} is ${shown(instance)}`);
    return instance;
  }

  /** A guard of this handshake alone. */
  async #load(guard: Type, wrapper: InstanceWrapper, context: Context): Promise<unknown> {
    const { injectables } = this.#host;
    const host = wrapper.instance ?? { constructor: guard };
    return this.#injector.loadPerContext(host as never, this.#host, injectables, context, wrapper);
  }

  /** `@Inject(REQUEST)` gives the upgrade request in it. */
  #contextOf(request: HandshakeRequest): Context {
    const context = ContextIdFactory.getByRequest(request);
    const moduleRef = this.#host.providers.get(ModuleRef)!.instance as ModuleRef;
    moduleRef.registerRequestByContextId(request, context);
    return context;
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

/** Express hands `next` to guards as well. */
function ignore(): void {}
