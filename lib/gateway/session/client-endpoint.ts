import type { WebSocket, WebSocketServer } from 'ws';
import type { HeartbeatPolicy } from '../../heartbeat/heartbeat-monitor.js';
import type { TopicPatterns } from '../../topic/topic-pattern.js';
import type { GatewayHook, LeaveHook } from '../nest/gateway-hook.js';
import type { HandshakeRequest } from './handshake-request.js';
import type { HandshakeResponse } from './handshake-response.js';
import type { GatewayHandler } from '../nest/gateway-handler.js';

/** Handler of an event or a topic. */
export interface Route {
  readonly handle: GatewayHandler;
  /** Event or pattern, returned by `getPattern()` of an execution context. */
  readonly pattern: string;
  /** `Class.method`, for messages. */
  readonly name: string;
  /** Hook of the gateway of a topic for ended subscriptions, if the gateway has one. */
  readonly leaveHook?: LeaveHook | undefined;
}

/** Handshake guards of one gateway. */
export interface GatewayGuards {
  /** Asks the guards in order. Resolves to false when a guard refuses or has answered the request itself. */
  admit(request: HandshakeRequest, response: HandshakeResponse): Promise<boolean>;
}

/** Server of the sockets of an endpoint. */
export interface EndpointSockets extends WebSocketServer {
  /** Takes over a client from `ws`, before it has other listeners. */
  adopt(client: WebSocket): void;
  /** Removes a client that has closed. */
  forget(client: WebSocket): void;
}

/** Parts of an endpoint that serve its clients. */
export interface ClientEndpoint {
  /** Path with its parameters, if any; undefined for every path of the port. */
  readonly path: string | undefined;
  readonly server: EndpointSockets;
  readonly heartbeat: HeartbeatPolicy | false;
  readonly events: ReadonlyMap<string, Route>;
  readonly topics: Pick<TopicPatterns<Route>, 'find'>;
  readonly connectHooks: readonly GatewayHook[];
  readonly disconnectHooks: readonly GatewayHook[];
  readonly leaveHooks: readonly LeaveHook[];
  /** Guards of each gateway that has any. A client must pass all of them. */
  readonly handshakeGuards: readonly GatewayGuards[];
}
