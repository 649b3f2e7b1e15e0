import type { WebSocket } from 'ws';
import { Moment } from '../time/moment.js';
import type { Connection } from './connection.js';
import type { SocketConnection } from './socket-connection.js';

/** All open connections of this process, for injection. Iterating visits each once. */
export abstract class Connections implements Iterable<Connection> {
  /** Number of open connections. */
  abstract readonly size: number;
  /** Returns the connection with this id. */
  abstract get(id: string): Connection | undefined;
  /**
   * Returns the connection of a `ws` socket, such as a handler gets by `@ConnectedSocket()`. Undefined for any other socket, and for
   * the `socket` of a connection that is no WebSocket.
   */
  abstract of(socket: WebSocket): Connection | undefined;
  /** Returns the connections of the user with this id; several tabs and devices are several connections. */
  abstract ofUser(id: string | number): Iterable<Connection>;
  abstract [Symbol.iterator](): Iterator<Connection>;
}

type Carrier = object & { [onTransport: symbol]: SocketConnection | undefined };

/** @internal */
export class ConnectionRegistry extends Connections {
  readonly #byId = new Map<string, SocketConnection>();
  /** Key of the connection on its transport: one word, while an entry of a WeakMap takes 50 bytes. */
  readonly #onTransport = Symbol('fanout:connection');
  readonly #byUser = new Map<string, Set<SocketConnection>>();
  /** User ids by connection, as in the index: the application may change its user object later. */
  readonly #userIds = new Map<SocketConnection, string>();
  readonly #empty = new Moment();

  get size(): number {
    return this.#byId.size;
  }

  /** Resolves when there is no connection, at once if there is none now. */
  emptied(): Promise<void> {
    return this.#byId.size === 0 ? Promise.resolve() : this.#empty.next();
  }

  get(id: string): SocketConnection | undefined {
    return this.#byId.get(id);
  }

  of(socket: WebSocket): SocketConnection | undefined {
    // A connection that is no WebSocket has no socket to ask with.
    return (socket as object as Carrier | undefined)?.[this.#onTransport];
  }

  ofUser(id: string | number): ReadonlySet<SocketConnection> {
    return this.#byUser.get(String(id)) ?? new Set();
  }

  [Symbol.iterator](): IterableIterator<SocketConnection> {
    return this.#byId.values();
  }

  add(connection: SocketConnection): void {
    this.#byId.set(connection.id, connection);
    (connection.transport as object as Carrier)[this.#onTransport] = connection;
    this.#index(connection);
  }

  /** Removes a connection. The socket keeps its connection, because a running handler may still ask for it. */
  delete(connection: SocketConnection): void {
    if (!this.#byId.delete(connection.id)) return;
    this.#forget(connection);
    if (this.#byId.size === 0) this.#empty.come();
  }

  /** Updates the index after an assignment to `user`. */
  userChanged(connection: SocketConnection): void {
    if (!this.#byId.has(connection.id)) return;
    // An unchanged id keeps its place, because the application may assign to connections while it iterates over
    // ofUser().
    if (userIdOf(connection.user) === this.#userIds.get(connection)) return;
    this.#forget(connection);
    this.#index(connection);
  }

  #index(connection: SocketConnection): void {
    const id = userIdOf(connection.user);
    if (id === undefined) return;
    this.#userIds.set(connection, id);
    const present = this.#byUser.get(id);
    if (present === undefined) this.#byUser.set(id, new Set([connection]));
    else present.add(connection);
  }

  #forget(connection: SocketConnection): void {
    const id = this.#userIds.get(connection);
    if (id === undefined) return;
    this.#userIds.delete(connection);
    const present = this.#byUser.get(id)!;
    present.delete(connection);
    if (present.size === 0) this.#byUser.delete(id);
  }
}

/** Returns the id of a user as text, for the index of connections. */
export function userIdOf(user: unknown): string | undefined {
  return givenIdOf(user)?.toString();
}

/**
 * Returns the id of a user: its `id`, else its `sub` (the subject of a JWT), or the user itself if it is a string or
 * number.
 */
export function givenIdOf(user: unknown): string | number | undefined {
  const { id: own, sub } = (user ?? {}) as { readonly id?: unknown; readonly sub?: unknown };
  const id = typeof user === 'object' ? (own ?? sub) : user;
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}
