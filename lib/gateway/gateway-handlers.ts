import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import { GATEWAY_SERVER_METADATA } from '@nestjs/websockets/constants.js';
import { sessionOf } from './client-session.js';
import type { WebSocket } from 'ws';
import type { GatewayContextCreator, GatewayHandler } from './gateway-context-creator.js';
import type { Gateway } from './gateway-explorer.js';
import { HandshakeGuards } from './handshake-guards.js';

/** A gateway's lifecycle hook, bound to the instance that serves the client. */
export type GatewayHook = (client: WebSocket, ...args: unknown[]) => unknown;

/**
 * Makes the methods of a gateway callable. A static gateway has one instance and its handlers are built once; a
 * request-scoped one has an instance per connection, which lives as long as that.
 */
export class GatewayHandlers {
  readonly #creator: GatewayContextCreator;

  constructor(creator: GatewayContextCreator) {
    this.#creator = creator;
  }

  /** The method with its enhancers. */
  handler(gateway: Gateway, method: string): GatewayHandler {
    const { wrapper } = gateway;
    if (wrapper.isDependencyTreeStatic()) return this.#creator.create(wrapper.instance as object, method);
    return async (client, ...args) => {
      const instance = await scopedInstance(gateway, client);
      return this.#creator.create(
        instance,
        method,
        sessionOf(client)!.contextId,
        wrapper.id,
      )(client, ...args);
    };
  }

  /** What decides who may connect to a gateway. @throws FanoutError FANOUT_HANDSHAKE_GUARD */
  handshakeGuards(gateway: Gateway): HandshakeGuards {
    return new HandshakeGuards(gateway);
  }

  /** `handleConnection` or `handleDisconnect`, or undefined when the gateway has none. */
  hook(gateway: Gateway, name: 'handleConnection' | 'handleDisconnect'): GatewayHook | undefined {
    const isStatic = gateway.wrapper.isDependencyTreeStatic();
    // A static gateway may have the hook as an arrow function in a property; of others there is no instance yet.
    const host = (isStatic ? gateway.wrapper.instance : gateway.metatype.prototype) as Hooks;
    if (typeof host[name] !== 'function') return undefined;
    if (isStatic) return (client, ...args) => host[name]!(client, ...args);
    return async (client, ...args) => {
      const instance = (await scopedInstance(gateway, client)) as Hooks;
      return instance[name]!(client, ...args);
    };
  }
}

type Hooks = Record<string, GatewayHook | undefined>;

/** The instance of a request-scoped gateway for one connection; `@Inject(REQUEST)` gives the socket there. */
async function scopedInstance(gateway: Gateway, client: WebSocket): Promise<object> {
  const session = sessionOf(client)!;
  const moduleRef = gateway.wrapper.host!.providers.get(ModuleRef)!.instance as ModuleRef;
  if (session.contextId === undefined) {
    session.contextId = ContextIdFactory.getByRequest(client);
    moduleRef.registerRequestByContextId(client, session.contextId);
  }
  const instance: Record<string, unknown> = await moduleRef.resolve(
    gateway.wrapper.token as never,
    session.contextId,
    { strict: true },
  );
  // Nest sets the properties of @WebSocketServer() on static gateways only.
  for (const key in instance) {
    if (Reflect.hasMetadata(GATEWAY_SERVER_METADATA, instance, key)) instance[key] = session.endpoint.server;
  }
  return instance;
}
