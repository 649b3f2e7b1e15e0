import type { Type } from '@nestjs/common';
import { ContextIdFactory, ModuleRef } from '@nestjs/core';
import type { ContextId } from '@nestjs/core';
import type { WebSocket } from 'ws';
import { GATEWAY_SERVER_METADATA, type InstanceWrapper } from '../nest/private-api.js';
import { sessionOf } from './client-session.js';

/** Nest's context for the request-scoped providers of one connection. `@Inject(REQUEST)` gives the socket in it. */
export function connectionContext(gateway: InstanceWrapper, client: WebSocket): ContextId {
  const session = sessionOf(client)!;
  if (session.contextId === undefined) {
    session.contextId = ContextIdFactory.getByRequest(client);
    moduleRefOf(gateway).registerRequestByContextId(client, session.contextId);
  }
  return session.contextId;
}

/** Returns the instance of a request-scoped gateway for one connection. */
export async function scopedInstance(gateway: InstanceWrapper, client: WebSocket): Promise<object> {
  const context = connectionContext(gateway, client);
  const instance: Record<string, unknown> = await moduleRefOf(gateway).resolve(
    gateway.token as Type | string | symbol,
    context,
    {
      strict: true,
    },
  );
  // Nest sets the properties of @WebSocketServer() on static gateways only.
  const { server } = sessionOf(client)!.endpoint;
  for (const key in instance)
    if (Reflect.hasMetadata(GATEWAY_SERVER_METADATA, instance, key)) instance[key] = server;
  return instance;
}

function moduleRefOf(gateway: InstanceWrapper): ModuleRef {
  return gateway.host!.providers.get(ModuleRef)!.instance as ModuleRef;
}
