import { type ConnectionRegistry, userIdOf } from '../../connection/connection-registry.js';
import type { SocketConnection } from '../../connection/socket-connection.js';
import { CLOSE } from '../../errors/close-codes.js';
import type { Rejections } from '../../observe/rejections.js';

/** Enforces `limits.connectionsPerUser`. Existing connections stay, and the newest one is refused or closed. */
export class AdmissionUsers {
  /** Most connections of a user; 0 is no limit. */
  readonly #most: number;
  readonly #connections: ConnectionRegistry;
  readonly #rejections: Rejections;

  constructor(most: number, connections: ConnectionRegistry, rejections: Rejections) {
    this.#most = most;
    this.#connections = connections;
    this.#rejections = rejections;
  }

  /** Tells whether a user has as many connections as allowed, not counting `except`. */
  full(user: unknown, except?: SocketConnection): boolean {
    const id = this.#most === 0 ? undefined : userIdOf(user);
    if (id === undefined) return false;
    let open = 0;
    // A closing connection does not count: its user can no longer use it.
    for (const connection of this.#connections.ofUser(id))
      if (connection !== except && connection.open) open++;
    return open >= this.#most;
  }

  /** Closes a connection whose new user already has too many connections. */
  assigned(connection: SocketConnection): void {
    if (!connection.open || !this.full(connection.user, connection)) return;
    this.#rejections.count('connections-per-user', connection.handshake.ip);
    connection.closeWith(CLOSE.RATE_LIMITED);
  }
}
