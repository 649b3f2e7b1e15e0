import type { WebSocket } from 'ws';

/** Life cycle hook of a gateway, bound to the instance that serves the client. */
export type GatewayHook = (client: WebSocket, ...args: unknown[]) => unknown;
