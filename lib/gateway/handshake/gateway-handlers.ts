import type { WebSocket } from 'ws';
import { scopedInstance } from '../session/connection-context.js';
import type { Gateway } from '../nest/gateway-explorer.js';
import type { GatewayHook, LeaveHook } from '../nest/gateway-hook.js';
import type { HandshakeEnhancers } from './handshake-enhancers.js';
import { HandshakeGuards } from './handshake-guards.js';
import type { GatewayHandler } from '../nest/gateway-handler.js';
import type { Protection } from '../protection/protection.js';

/**
 * Makes the methods of a gateway callable. A static gateway has one instance, and its handlers are built once. A
 * request-scoped gateway has an instance per connection, which lives as long as the connection.
 */
export class GatewayHandlers {
  readonly #protection: Protection;
  readonly #globals: HandshakeEnhancers | undefined;

  /** @param globals global enhancers of the handshake, by the option `globalEnhancers` */
  constructor(protection: Protection, globals?: HandshakeEnhancers) {
    this.#protection = protection;
    this.#globals = globals;
  }

  /** Makes the handler of a method, with its enhancers. @throws FanoutError FANOUT_PROTECTION */
  handler(gateway: Gateway, method: string): GatewayHandler {
    return this.#protection.handler(gateway, method);
  }

  /**
   * The handshake guards of a gateway; undefined if every client may connect. @throws FanoutError
   * FANOUT_HANDSHAKE_GUARD
   */
  handshakeGuards(gateway: Gateway): HandshakeGuards | undefined {
    if (gateway.handshakeGuards.length === 0 && this.#globals === undefined) return undefined;
    return new HandshakeGuards(gateway, this.#globals);
  }

  /** `handleConnection` or `handleDisconnect`; undefined if the gateway has none. */
  hook(gateway: Gateway, name: 'handleConnection' | 'handleDisconnect'): GatewayHook | undefined {
    const call = hookOf(gateway, name);
    return call && ((client, ...args) => call(client, [client, ...args]));
  }

  /** `handleUnsubscribe`; undefined if the gateway has none. */
  leaveHook(gateway: Gateway): LeaveHook | undefined {
    const call = hookOf(gateway, 'handleUnsubscribe');
    return call && ((connection, ...args) => call(connection.socket, [connection, ...args]));
  }
}

type Hooks = Record<string, ((...args: unknown[]) => unknown) | undefined>;

/**
 * Makes a function that calls a hook on the gateway instance of a client. Returns undefined if the gateway has no such
 * method.
 */
function hookOf(
  { wrapper, metatype }: Gateway,
  name: string,
): ((client: WebSocket, args: unknown[]) => unknown) | undefined {
  const isStatic = wrapper.isDependencyTreeStatic();
  // A static gateway may have the hook as an arrow function in a property. Instances of other gateways do not exist
  // yet.
  const host = (isStatic ? wrapper.instance : metatype.prototype) as Hooks;
  if (typeof host[name] !== 'function') return undefined;
  if (isStatic) return (_, args) => host[name]!(...args);
  return async (client, args) => {
    const instance = (await scopedInstance(wrapper, client)) as Hooks;
    return instance[name]!(...args);
  };
}
