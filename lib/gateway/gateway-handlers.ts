import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import { sessionOf } from './client-session.js';
import type { WebSocket } from 'ws';
import type { GatewayContextCreator, GatewayHandler } from './gateway-context-creator.js';
import type { Gateway } from './gateway-explorer.js';

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
    return async (...args) => {
      const client = args[0] as WebSocket;
      const instance = await scopedInstance(gateway, client);
      return this.#creator.create(instance, method, sessionOf(client)!.contextId, wrapper.id)(...args);
    };
  }

  /** `handleConnection` or `handleDisconnect`, or undefined when the gateway has none. */
  hook(gateway: Gateway, name: 'handleConnection' | 'handleDisconnect'): GatewayHook | undefined {
    if (gateway.wrapper.isDependencyTreeStatic()) {
      // On the instance, because a hook may be an arrow function in a property.
      const instance = gateway.wrapper.instance as Record<string, GatewayHook | undefined>;
      if (typeof instance[name] !== 'function') return undefined;
      return (client, ...args) => instance[name]!(client, ...args);
    }
    return async (client, ...args) => {
      const instance = (await scopedInstance(gateway, client)) as Record<string, GatewayHook | undefined>;
      return instance[name]?.(client, ...args);
    };
  }
}

/** The instance of a request-scoped gateway for one connection; `@Inject(REQUEST)` gives the socket there. */
async function scopedInstance(gateway: Gateway, client: WebSocket): Promise<object> {
  const session = sessionOf(client)!;
  const moduleRef = gateway.wrapper.host!.providers.get(ModuleRef)!.instance as ModuleRef;
  if (session.contextId === undefined) {
    session.contextId = ContextIdFactory.getByRequest(client);
    moduleRef.registerRequestByContextId(client, session.contextId);
  }
  return moduleRef.resolve(gateway.wrapper.token as never, session.contextId, { strict: true });
}
