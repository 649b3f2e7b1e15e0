import { scopedInstance } from '../session/connection-context.js';
import type { Gateway } from '../nest/gateway-explorer.js';
import type { GatewayHook } from '../nest/gateway-hook.js';
import type { HandshakeEnhancers } from './handshake-enhancers.js';
import { HandshakeGuards } from './handshake-guards.js';
import type { GatewayHandler } from '../nest/gateway-handler.js';
import type { Protection } from '../protection/protection.js';

/**
 * Makes the methods of a gateway callable. A static gateway has one instance and its handlers are built once; a
 * request-scoped one has an instance per connection, which lives as long as that.
 */
export class GatewayHandlers {
  readonly #protection: Protection;
  readonly #globals: HandshakeEnhancers | undefined;

  /** @param globals global enhancers of the handshake, by the option `globalEnhancers` */
  constructor(protection: Protection, globals?: HandshakeEnhancers) {
    this.#protection = protection;
    this.#globals = globals;
  }

  /** The method with its enhancers. @throws FanoutError FANOUT_PROTECTION */
  handler(gateway: Gateway, method: string): GatewayHandler {
    return this.#protection.handler(gateway, method);
  }

  /** The handshake guards of a gateway; undefined where everybody may connect. @throws FanoutError FANOUT_HANDSHAKE_GUARD */
  handshakeGuards(gateway: Gateway): HandshakeGuards | undefined {
    if (gateway.handshakeGuards.length === 0 && this.#globals === undefined) return undefined;
    return new HandshakeGuards(gateway, this.#globals);
  }

  /** `handleConnection` or `handleDisconnect`, or undefined when the gateway has none. */
  hook(gateway: Gateway, name: 'handleConnection' | 'handleDisconnect'): GatewayHook | undefined {
    const isStatic = gateway.wrapper.isDependencyTreeStatic();
    // A static gateway may have the hook as an arrow function in a property; of others there is no instance yet.
    const host = (isStatic ? gateway.wrapper.instance : gateway.metatype.prototype) as Hooks;
    if (typeof host[name] !== 'function') return undefined;
    if (isStatic) return (client, ...args) => host[name]!(client, ...args);
    return async (client, ...args) => {
      const instance = (await scopedInstance(gateway.wrapper, client)) as Hooks;
      return instance[name]!(client, ...args);
    };
  }
}

type Hooks = Record<string, GatewayHook | undefined>;
