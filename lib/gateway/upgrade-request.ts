import type { IncomingMessage } from 'node:http';

/** A target with scheme and host, which a server takes as well as one that begins with a slash: RFC 9112, section 3.2.2. */
const ABSOLUTE = /^(?:ws|http)s?:\/\/([^/?#@\s]+)(.*)$/i;

/** What a request target names. */
export interface Target {
  /** As an endpoint has it: without query, and without a slash at its end. */
  readonly path: string;
  /** With the query, as a request has it that begins with a slash. */
  readonly url: string;
  /** The host of a target that names one; it counts in place of the header. */
  readonly host: string | undefined;
}

/** Whether a request asks for a WebSocket: the only protocol that is for gateways. */
export function asksForWebSocket({ headers: { upgrade } }: IncomingMessage): boolean {
  if (upgrade === 'websocket') return true;
  return upgrade !== undefined && upgrade.split(',').some(name => name.trim().toLowerCase() === 'websocket');
}

/** What a request target names. One that is no path and has none keeps its text, which no gateway can have as a path. */
export function targetOf(text: string): Target {
  const absolute = text.startsWith('/') ? null : ABSOLUTE.exec(text);
  if (absolute === null) return { path: pathOf(text), url: text, host: undefined };
  const [, host, rest = ''] = absolute;
  const url = rest.startsWith('/') ? rest : `/${rest}`;
  return { path: pathOf(url), url, host };
}

/**
 * Makes a request what an endpoint expects: with a path as its target, and with one protocol to upgrade to.
 * @param target undefined where the target of the request is a path
 */
export function normalize(request: IncomingMessage, target: Target | undefined): void {
  if (target?.host !== undefined) {
    request.url = target.url;
    request.headers.host = target.host;
  }
  // `ws` wants this and nothing else, though a client may offer several.
  request.headers.upgrade = 'websocket';
}

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
