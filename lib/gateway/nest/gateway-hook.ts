import type { WebSocket } from 'ws';
import type { Connection } from '../../connection/connection.js';
import type { LeaveReason } from '../../topic/subscription.js';

/** Life cycle hook of a gateway, bound to the instance that serves the client. */
export type GatewayHook = (client: WebSocket, ...args: unknown[]) => unknown;

/** `handleUnsubscribe` of a gateway, bound to the instance that serves the client. */
export type LeaveHook = OnTopicLeave['handleUnsubscribe'];

/** Interface of a gateway with the hook `handleUnsubscribe`. */
export interface OnTopicLeave {
  /**
   * Called once after the end of each answered subscription. The gateway whose `@Topic` matches the
   * topic is called. If no `@Topic` of the path matches, all gateways of the path are called. A subscription to
   * `<topic>~presence` belongs to the gateway of the topic.
   *
   * An error that the hook throws or rejects with is logged. A shutdown waits for the hook, at most `shutdown.drain`.
   * @param connection the subscriber, which may be closed
   * @param topic full name of the topic
   * @param reason cause of the end
   */
  handleUnsubscribe(connection: Connection, topic: string, reason: LeaveReason): unknown;
}
