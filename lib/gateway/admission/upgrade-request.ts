import type { IncomingMessage } from 'node:http';

/** Schemes of a request target with a host, which a server must accept: RFC 9112, section 3.2.2. */
const SCHEMES: ReadonlySet<string> = new Set(['ws', 'wss', 'http', 'https']);

/** Length of the longest scheme with `://`. */
const LONGEST = 'https://'.length;

/** Parts of a request target. */
export interface Target {
  /** Path without query and trailing slash, as in an endpoint. */
  readonly path: string;
  /** Path with the query, as in an ordinary request. */
  readonly url: string;
  /** Host in the target, which replaces the header `Host`. */
  readonly host: string | undefined;
}

/** Tells whether a request asks for a WebSocket, the only protocol of gateways. */
export function asksForWebSocket({ headers: { upgrade } }: IncomingMessage): boolean {
  if (upgrade === 'websocket') return true;
  return upgrade !== undefined && upgrade.split(',').some(name => name.trim().toLowerCase() === 'websocket');
}

/** Reads a request target. A target without a path keeps its text, because no gateway can have such a path. */
export function targetOf(text: string): Target {
  const host = hostIn(text);
  if (host === undefined) return { path: pathOf(text), url: text, host: undefined };
  const rest = text.slice(text.indexOf('://') + 3 + host.length);
  const url = rest.startsWith('/') ? rest : `/${rest}`;
  return { path: pathOf(url), url, host };
}

/**
 * Returns the host of a target with scheme and host; undefined for others, and for a target with a user or without a
 * host.
 */
function hostIn(text: string): string | undefined {
  if (text.startsWith('/')) return undefined;
  const end = text.slice(0, LONGEST).indexOf('://');
  if (end < 0 || !SCHEMES.has(text.slice(0, end).toLowerCase())) return undefined;
  let at = end + 3;
  while (at < text.length && !'/?#'.includes(text[at]!)) at++;
  const host = text.slice(end + 3, at);
  return host === '' || host.includes('@') ? undefined : host;
}

/**
 * Changes a request to the form that an endpoint expects: a path as its target, and one protocol to upgrade to.
 * @param target undefined if the target of the request is already a path
 */
export function normalize(request: IncomingMessage, target: Target | undefined): void {
  if (target?.host !== undefined) {
    request.url = target.url;
    request.headers.host = target.host;
  }
  // `ws` accepts only this value, though a client may offer several protocols.
  request.headers.upgrade = 'websocket';
}

function pathOf(target: string): string {
  if (!target.startsWith('/')) return target;
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  const fragment = path.indexOf('#');
  return trimmed(fragment < 0 ? path : path.slice(0, fragment));
}

/** Removes the trailing slash. Paths with and without it are the same, as under `WsAdapter`. */
export function trimmed(path: string): string {
  const rooted = path.startsWith('/') ? path : `/${path}`;
  return rooted.length > 1 && rooted.endsWith('/') ? rooted.slice(0, -1) : rooted;
}
