import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { WebSocket } from 'ws';
import { HeartbeatMonitor } from '../../heartbeat/heartbeat-monitor.js';
import { connectionOf } from '../session/client-session.js';

/**
 * A guard for gateways and their methods: messages of a connection that is closing or past its heartbeat timeout are
 * refused, so that no work is done for a peer that is given up. A message is a sign of life when it arrives, with this guard or without.
 * Outside of WebSocket contexts, and for sockets of other adapters, it lets pass.
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
