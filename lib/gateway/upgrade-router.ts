import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Arrival } from './arrival.js';
import type { ClientAddresses } from './client-address.js';
import type { Endpoint } from './endpoint.js';
import { NO_PARAMS, PathPattern, PathPatterns } from './path-pattern.js';
import type { Turnstile } from './turnstile.js';
import { UpgradeRefusal } from './upgrade-refusal.js';

/** The collaborators of {@link UpgradeRouter}. */
export interface RouterParts {
  readonly admission: { admit(arrival: Arrival): void };
  readonly addresses: ClientAddresses;
  readonly turnstile: Turnstile;
  /** What becomes of upgrades to a path without a gateway. */
  readonly unmatched: 'ignore' | 'refuse';
}

/**
 * Takes the WebSocket upgrades of one HTTP server to their endpoint. Paths are compared as they were sent, so nothing can
 * be hidden in an encoding; only the value of a parameter is decoded.
 */
export class UpgradeRouter {
  readonly #server: Server;
  readonly #parts: RouterParts;
  /** By path without parameters. */
  readonly #endpoints = new Map<string | undefined, Endpoint>();
  readonly #patterns = new PathPatterns<Endpoint>();

  constructor(server: Server, parts: RouterParts) {
    this.#server = server;
    this.#parts = parts;
    server.on('upgrade', this.#onUpgrade);
  }

  /** @throws FanoutError FANOUT_PATH, FANOUT_PATH_AMBIGUOUS */
  add(endpoint: Endpoint): void {
    const pattern = endpoint.path === undefined ? undefined : new PathPattern(endpoint.path);
    if (pattern === undefined || pattern.literal) this.#endpoints.set(endpoint.path, endpoint);
    else this.#patterns.add(pattern, endpoint);
  }

  /** Leaves the server to others: one that was borrowed lives on. */
  stop(): void {
    this.#server.off('upgrade', this.#onUpgrade);
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const target = request.url ?? '/';
    let params = NO_PARAMS;
    // Mostly a target is a path and nothing else, and then it is the key itself.
    let endpoint = this.#endpoints.get(target);
    if (endpoint === undefined) {
      const path = pathOf(target);
      endpoint = this.#endpoints.get(path);
      if (endpoint === undefined) {
        const found = this.#patterns.find(path);
        endpoint = found?.value ?? this.#endpoints.get(undefined);
        params = found?.params ?? NO_PARAMS;
      }
    }
    if (endpoint === undefined) return this.#leave(request, socket, head);
    const ip = this.#parts.addresses.of(request);
    this.#parts.admission.admit({ endpoint, request, socket, head, ip, params });
  };

  /** Not ours, but another listener (a proxy, a dev server) may be waiting for it. */
  #leave(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { addresses, turnstile, unmatched } = this.#parts;
    if (unmatched === 'ignore' && this.#server.listenerCount('upgrade') > 1) {
      // Until that one takes over, an error on the socket has no listener but this and would end the process.
      socket.on('error', destroy);
      return;
    }
    const ip = addresses.of(request);
    turnstile.refuse({ request, socket, head, ip }, new UpgradeRefusal(404, 'path'));
  }
}

/** The path of a request target. A target that does not begin with a slash has none that a gateway could have. */
function pathOf(target: string): string {
  if (!target.startsWith('/')) return target;
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  const fragment = path.indexOf('#');
  return trimmed(fragment < 0 ? path : path.slice(0, fragment));
}

/** Paths with and without a slash at the end are one, as under `WsAdapter`. */
export function trimmed(path: string): string {
  const rooted = path.startsWith('/') ? path : `/${path}`;
  return rooted.length > 1 && rooted.endsWith('/') ? rooted.slice(0, -1) : rooted;
}

function destroy(this: Duplex): void {
  this.destroy();
}
