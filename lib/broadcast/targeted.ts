import type { ConnectionRegistry } from '../connection/connection-registry.js';
import type { SocketConnection } from '../connection/socket-connection.js';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { Target } from './broadcaster.js';

/**
 * Returns the connections of a target in this process.
 * @throws FanoutError FANOUT_TARGET
 */
export function targeted(connections: ConnectionRegistry, target: Target): Iterable<SocketConnection> {
  if (typeof target === 'object' && target !== null) {
    if ('connection' in target && typeof target.connection === 'string') {
      const connection = connections.get(target.connection);
      return connection === undefined ? [] : [connection];
    }
    if ('user' in target && (typeof target.user === 'string' || typeof target.user === 'number')) {
      return connections.ofUser(target.user);
    }
  }
  throw new FanoutError('FANOUT_TARGET', shown(target));
}
