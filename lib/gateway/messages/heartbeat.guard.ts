import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { WebSocket } from 'ws';
import { HeartbeatMonitor } from '../../heartbeat/heartbeat-monitor.js';
import { connectionOf } from '../session/client-session.js';

/**
 * Guard that refuses messages of a connection that is closing or past its heartbeat timeout, so that no work is done
 * for a lost client. Use it on gateways and their methods. A message counts as a sign of life on arrival, with or
 * without this guard. Contexts other than WebSocket, and sockets of other adapters, always pass.
 */
@Injectable()
export class HeartbeatGuard implements CanActivate {
  readonly #monitor: HeartbeatMonitor;

  /** @internal */
  constructor(@Inject(HeartbeatMonitor) monitor: HeartbeatMonitor) {
    this.#monitor = monitor;
  }

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'ws') return true;
    const connection = connectionOf(context.switchToWs().getClient<WebSocket>());
    if (connection === undefined) return true;
    return connection.open && !this.#monitor.isExpired(connection);
  }
}
