import { inOwnContext } from '../../connection/own-context.js';
import { CLOSE } from '../../errors/close-codes.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import type { LeaveReason, Subscription } from '../../topic/subscription.js';
import { subjectOf } from '../../topic/topic-name.js';
import type { LeaveHook } from '../nest/gateway-hook.js';
import type { ClientEndpoint } from '../session/client-endpoint.js';
import { type ClientConnection, type ClientSession, sessionOf } from '../session/client-session.js';

/** Calls `handleUnsubscribe` of gateways for each ended subscription that was answered. */
export class LeaveHooks {
  readonly #log: ErrorLog;
  /** Running calls. A shutdown waits for them. */
  readonly #running = new Set<Promise<void>>();

  constructor(log: ErrorLog) {
    this.#log = log;
  }

  /**
   * Calls the hooks for the end of a subscription. The hooks run later, because the topic is still handling the end.
   */
  left(subscription: Subscription, reason: LeaveReason): void {
    if (!subscription.answered) return;
    // Every subscriber of a gateway's topics is a connection, but the topic room does not know connections.
    const connection = subscription.subscriber as unknown as ClientConnection;
    const session = sessionOf(connection.transport);
    if (session === undefined || session.endpoint.leaveHooks.length === 0) return;
    const { name } = subscription.topic;
    for (const hook of hooksFor(session.endpoint, name)) {
      const call = this.#call(session, hook, name, reason);
      this.#running.add(call);
      void call.then(() => this.#running.delete(call));
    }
  }

  /** Resolves when no hook is running. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #call(session: ClientSession, hook: LeaveHook, topic: string, reason: LeaveReason): Promise<void> {
    try {
      // A gateway sees the end of a subscription only after its `handleConnection` has run.
      await session.connected;
      await inOwnContext(hook, session.connection, topic, reason);
    } catch (error) {
      this.#log.error(error, 'handleUnsubscribe failed');
    }
  }
}

/** Returns the reason for the end of subscriptions on a connection that the server closes. */
export function reasonOfClosing({ closedWith }: ClientConnection): LeaveReason {
  return closedWith?.code === CLOSE.SHUTDOWN.code ? 'shutdown' : 'closed';
}

/** Returns the hook of the gateway whose pattern matches, or all hooks of the path if no pattern matches. */
function hooksFor({ topics, leaveHooks }: ClientEndpoint, name: string): readonly LeaveHook[] {
  const found = topics.find(name) ?? topics.find(subjectOf(name) ?? name);
  if (found === undefined) return leaveHooks;
  const { leaveHook } = found.route;
  return leaveHook === undefined ? [] : [leaveHook];
}
