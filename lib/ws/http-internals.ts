import type { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';

/** Connection in Node's list of an HTTP server. */
interface ListedConnection {
  readonly socket: Socket;
  /** The last request, as soon as its headers are complete. */
  readonly incoming?: unknown;
}

/** Node's list. `active()` returns the connections whose next request is not complete. */
interface ConnectionList {
  active(): readonly ListedConnection[];
}

/** Description of Node's symbol for an HTTP server's list of connections. */
const CONNECTIONS = 'http.server.connections';

/** Name of Node's function that reads a new connection of an HTTP server. */
const LISTENER = 'connectionListener';

/** The answer that an HTTP server is writing to a socket; undefined or null without one. */
export function answerUnderWay(socket: Duplex): EventEmitter | null | undefined {
  return (socket as { _httpMessage?: EventEmitter | null })._httpMessage;
}

/** Returns the sockets of a server without a complete request. */
export function unaskedSockets(server: Server): Socket[] {
  const connections = listOf(server)?.active?.() ?? [];
  return connections
    .filter(({ incoming, socket }) => !incoming && !answerUnderWay(socket))
    .map(({ socket }) => socket);
}

/** Tells whether the list of connections of a server can be read. */
export function hasConnectionList(server: Server): boolean {
  return Array.isArray(listOf(server)?.active?.());
}

/**
 * Makes a server read a socket from its beginning. Calls only Node's own listener, because other listeners have seen
 * this socket and would count it twice.
 */
export function readAnew(server: Server, socket: Duplex): void {
  const listener = connectionListener(server);
  if (listener === undefined) server.emit(connectionEvent(server), socket);
  else listener.call(server, socket);
}

/** Returns Node's own listener for new connections of a server; undefined if it has another name. */
export function connectionListener(server: Server): Function | undefined {
  return server.listeners(connectionEvent(server)).find(({ name }) => name === LISTENER);
}

function connectionEvent(server: Server): 'secureConnection' | 'connection' {
  return server instanceof TlsServer ? 'secureConnection' : 'connection';
}

function listOf(server: Server): Partial<ConnectionList> | undefined {
  const key = Object.getOwnPropertySymbols(server).find(({ description }) => description === CONNECTIONS);
  return key && (Reflect.get(server, key) as Partial<ConnectionList> | undefined);
}
