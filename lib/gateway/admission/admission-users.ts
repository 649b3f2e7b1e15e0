import { type ConnectionRegistry, userIdOf } from '../../connection/connection-registry.js';
import type { SocketConnection } from '../../connection/socket-connection.js';
import { CLOSE } from '../../errors/close-codes.js';
import type { Rejections } from '../../observe/rejections.js';

/** Holds every user to `limits.connectionsPerUser`. Those who are there stay: it is always the newcomer who goes. */
export class AdmissionUsers {
  /** 0 is no limit. */
  readonly #most: number;
  readonly #connections: ConnectionRegistry;
  readonly #rejections: Rejections;

  constructor(most: number, connections: ConnectionRegistry, rejections: Rejections) {
    this.#most = most;
    this.#connections = connections;
    this.#rejections = rejections;
  }

  /** Whether a user has as many connections as it may, but for `except`. */
  full(user: unknown, except?: SocketConnection): boolean {
    const id = this.#most === 0 ? undefined : userIdOf(user);
    if (id === undefined) return false;
    let open = 0;
    // Those that are closing have gone for all that their user can do.
    for (const connection of this.#connections.ofUser(id))
      if (connection !== except && connection.open) open++;
    return open >= this.#most;
  }

  /** Closes a connection whose user was assigned and has too many already. */
  assigned(connection: SocketConnection): void {
    if (!connection.open || !this.full(connection.user, connection)) return;
    this.#rejections.count('connections-per-user', connection.handshake.ip);
    connection.closeAs(CLOSE.RATE_LIMITED);
  }
}
