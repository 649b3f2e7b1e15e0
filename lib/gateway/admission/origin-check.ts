import type { IncomingMessage } from 'node:http';
import { canonicalOrigin } from '../../options/addresses.js';
import type { OriginPolicy } from '../../options/fanout-options.js';
import { type ClientAddresses, headerText } from './client-address.js';

/** Decides whether pages of an origin may connect, by the option `origins`. */
export class OriginCheck {
  readonly #policy: 'same' | ReadonlySet<string> | OriginPolicy | undefined;
  readonly #addresses: ClientAddresses;

  /** @param policy a valid and canonical value, as returned by `resolveOptions` */
  constructor(policy: 'same' | readonly string[] | OriginPolicy | undefined, addresses: ClientAddresses) {
    this.#policy = typeof policy === 'object' ? new Set(policy) : policy;
    this.#addresses = addresses;
  }

  /** Tells whether the origin of a request may connect. Throws or rejects when a function of the application does. */
  admits(request: IncomingMessage): boolean | Promise<boolean> {
    const { origin } = request.headers;
    const policy = this.#policy;
    if (typeof policy === 'function') return answerOf(policy(origin, request));
    // A browser always sends the origin. A request without one comes from another client, and carries no user's
    // cookies.
    if (origin === undefined) return true;
    // Without credentials that the browser adds, a foreign page cannot act in the name of a user.
    if (policy === undefined && !hasCredentials(request)) return true;
    const canonical = canonicalOrigin(origin);
    if (canonical === undefined) return false;
    return typeof policy === 'object' ? policy.has(canonical) : canonical === this.#ownOrigin(request);
  }

  /** Makes the log line about a refused request, with the compared values and what to do. */
  refusalLine(request: IncomingMessage): string {
    const origin = quoted(request.headers.origin);
    const host = quoted(headerText(request, 'host'));
    return `An upgrade from a page of the origin ${origin} to the host ${host} was refused with 403, ${this.#reasonOf(request)}`;
  }

  #reasonOf(request: IncomingMessage): string {
    const policy = this.#policy;
    if (typeof policy === 'function') return 'by the function of the option origins.';
    if (typeof policy === 'object')
      return 'because the option origins does not list this origin: add it if its pages may connect.';
    const own = quoted(this.#ownOrigin(request));
    return (
      `because the origin of this server is ${own}. Set the option origins to a list of the origins that may connect. ` +
      'Behind a proxy also set trustProxy, so that the server knows the scheme and host that clients use.'
    );
  }

  /** Returns the origin of the pages of this server, as seen by the client. */
  #ownOrigin(request: IncomingMessage): string | undefined {
    const forwarded = this.#addresses.trustsPeer(request);
    const { encrypted } = request.socket as { encrypted?: boolean };
    const scheme = (forwarded && first(request, 'x-forwarded-proto')) || (encrypted ? 'https' : 'http');
    const host = (forwarded && first(request, 'x-forwarded-host')) || headerText(request, 'host');
    // Some proxies send the scheme of the WebSocket, but a page has the scheme of HTTP.
    return canonicalOrigin(`${scheme.replace('ws', 'http')}://${host}`);
  }
}

/**
 * Tells whether a request has credentials that a browser sends for every page: cookies, a password from the browser's
 * own dialog, or a client certificate. A bearer token does not count, because no browser adds it by itself.
 */
function hasCredentials({ headers: { cookie, authorization }, socket }: IncomingMessage): boolean {
  const { authorized } = socket as { authorized?: boolean };
  const ambient = authorization !== undefined && !authorization.toLowerCase().startsWith('bearer ');
  return cookie !== undefined || ambient || authorized === true;
}

/** Quotes a header for the log: shortened, without characters that could end the quotes or the line. */
function quoted(text: string | undefined): string {
  if (text === undefined) return 'undefined';
  const characters = Array.from(text.slice(0, 100), each =>
    each > ' ' && each <= '~' && each !== '"' ? each : '?',
  );
  return `"${characters.join('')}"`;
}

/** Checks the answer of the application. An answer that is not a boolean refuses, because it must be a mistake. */
function answerOf(answer: unknown): boolean | Promise<boolean> {
  return typeof answer === 'boolean' ? answer : Promise.resolve(answer).then(value => value === true);
}

/** Returns the first entry of a header: each proxy appends its own entry, so the first is what the client asked for. */
function first(request: IncomingMessage, header: string): string {
  return headerText(request, header).split(',', 1)[0]!.trim();
}
