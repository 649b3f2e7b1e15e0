import type { IncomingMessage } from 'node:http';
import { canonicalOrigin } from '../../options/addresses.js';
import type { OriginPolicy } from '../../options/fanout-options.js';
import { type ClientAddresses, headerText } from './client-address.js';

/** Whether pages of an origin may connect, by the option `origins`. */
export class OriginCheck {
  readonly #policy: 'same' | ReadonlySet<string> | OriginPolicy | undefined;
  readonly #addresses: ClientAddresses;

  /** @param policy valid and canonical, as `resolveOptions` gives it */
  constructor(policy: 'same' | readonly string[] | OriginPolicy | undefined, addresses: ClientAddresses) {
    this.#policy = typeof policy === 'object' ? new Set(policy) : policy;
    this.#addresses = addresses;
  }

  /** Throws, or rejects with, what a function of the application does. */
  admits(request: IncomingMessage): boolean | Promise<boolean> {
    const { origin } = request.headers;
    const policy = this.#policy;
    if (typeof policy === 'function') return answerOf(policy(origin, request));
    // A browser always says where a page is from, so this is none, and has no cookies of somebody else.
    if (origin === undefined) return true;
    // A foreign page can do nothing in a user's name unless the browser adds what the user is known by.
    if (policy === undefined && !hasCredentials(request)) return true;
    const canonical = canonicalOrigin(origin);
    if (canonical === undefined) return false;
    return typeof policy === 'object' ? policy.has(canonical) : canonical === this.#ownOrigin(request);
  }

  /** A log line about a refused request, with the compared values and the remedy. */
  refusalOf(request: IncomingMessage): string {
    const origin = quoted(request.headers.origin);
    const host = quoted(headerText(request, 'host'));
    return `An upgrade from a page of the origin ${origin} to the host ${host} was answered 403, ${this.#reasonOf(request)}`;
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

  /** The origin of pages that this server serves, as the client sees it. */
  #ownOrigin(request: IncomingMessage): string | undefined {
    const forwarded = this.#addresses.trustsPeer(request);
    const { encrypted } = request.socket as { encrypted?: boolean };
    const scheme = (forwarded && first(request, 'x-forwarded-proto')) || (encrypted ? 'https' : 'http');
    const host = (forwarded && first(request, 'x-forwarded-host')) || headerText(request, 'host');
    // Some proxies name the scheme of the WebSocket, but the page has that of HTTP.
    return canonicalOrigin(`${scheme.replace('ws', 'http')}://${host}`);
  }
}

/**
 * Whether there is something in a request by which a browser makes its user known, whatever page asks: cookies, what was
 * typed into its own dialog, or a certificate. A bearer token is none: no browser adds it by itself.
 */
function hasCredentials({ headers: { cookie, authorization }, socket }: IncomingMessage): boolean {
  const { authorized } = socket as { authorized?: boolean };
  const ambient = authorization !== undefined && !authorization.toLowerCase().startsWith('bearer ');
  return cookie !== undefined || ambient || authorized === true;
}

/** A header in quotes, short and without anything that could end the quotes or the line. */
function quoted(text: string | undefined): string {
  if (text === undefined) return 'undefined';
  const characters = Array.from(text.slice(0, 100), each =>
    each > ' ' && each <= '~' && each !== '"' ? each : '?',
  );
  return `"${characters.join('')}"`;
}

/** An answer that is no boolean admits nobody: it would be a mistake. */
function answerOf(answer: unknown): boolean | Promise<boolean> {
  return typeof answer === 'boolean' ? answer : Promise.resolve(answer).then(value => value === true);
}

/** Each proxy on the way adds its own at the end, so the first is what the client asked for. */
function first(request: IncomingMessage, header: string): string {
  return headerText(request, header).split(',', 1)[0]!.trim();
}
