import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Endpoint } from './endpoint.js';

/** Milliseconds that a refused peer has to take its answer and go. */
const REFUSED_MS = 1000;

/** Seconds after which a client that was refused for load should try again. */
const RETRY_AFTER_S = 5;

/** Says whether one more connection may come in, and takes those that do. */
export interface Admission {
  /** The HTTP status to refuse with, or undefined to let in. */
  refusal(): number | undefined;
  accept(endpoint: Endpoint, request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Takes the WebSocket upgrades of one HTTP server to their endpoint, by exact path. */
export class UpgradeRouter {
  readonly #server: Server;
  readonly #admission: Admission;
  readonly #endpoints = new Map<string | undefined, Endpoint>();

  constructor(server: Server, admission: Admission) {
    this.#server = server;
    this.#admission = admission;
    server.on('upgrade', this.#onUpgrade);
  }

  add(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.path, endpoint);
  }

  /** Leaves the server to others: one that was borrowed lives on. */
  stop(): void {
    this.#server.off('upgrade', this.#onUpgrade);
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const endpoint = this.#endpointOf(request.url ?? '/');
    if (endpoint === undefined) return this.#leave(socket);
    const status = this.#admission.refusal();
    if (status === undefined) this.#admission.accept(endpoint, request, socket, head);
    else refuse(socket, status);
  };

  /** Not ours, but another listener (a proxy, a dev server) may be waiting for it. */
  #leave(socket: Duplex): void {
    if (this.#server.listenerCount('upgrade') === 1) return refuse(socket, 404);
    // Until that one takes over, an error on the socket has no listener but this and would end the process.
    socket.on('error', destroy);
  }

  #endpointOf(target: string): Endpoint | undefined {
    // Mostly a target is a path and nothing else, and then it is the key itself.
    return (
      this.#endpoints.get(target) ?? this.#endpoints.get(pathOf(target)) ?? this.#endpoints.get(undefined)
    );
  }
}

/** The path of a request target, compared as it was sent: nothing is decoded, so nothing can be hidden in an encoding. */
function pathOf(target: string): string {
  const end = target.search(/[?#]/);
  return trimmed(end < 0 ? target : target.slice(0, end));
}

/** Paths with and without a slash at the end are one, as under `WsAdapter`. */
export function trimmed(path: string): string {
  const rooted = path.startsWith('/') ? path : `/${path}`;
  return rooted.length > 1 && rooted.endsWith('/') ? rooted.slice(0, -1) : rooted;
}

function refuse(socket: Duplex, status: number): void {
  // Nobody else listens, and an error would end the process.
  socket.on('error', destroy);
  const retry = status === 503 ? `Retry-After: ${RETRY_AFTER_S}\r\n` : '';
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n${retry}Content-Length: 0\r\n\r\n`,
  );
  setTimeout(() => socket.destroy(), REFUSED_MS).unref();
}

function destroy(this: Duplex): void {
  this.destroy();
}
