import type { IncomingMessage } from 'node:http';

/** Longest token in bytes: far longer than a JWT, and about half of Node's limit for headers. */
export const MAX_TOKEN_BYTES = 8192;

const SUBPROTOCOL = 'bearer.';
const PARAMETER = 'access_token';

/**
 * The token of a client that cannot set headers, such as a browser. It is in the subprotocol `bearer.<token>`, else in
 * the query parameter `access_token`. Undefined if there is none, or if the token is too long.
 */
export function offeredToken({ headers, url }: IncomingMessage): string | undefined {
  const token = inSubprotocols(headers['sec-websocket-protocol']) ?? inQuery(url ?? '');
  return token !== undefined && isToken(token) ? token : undefined;
}

/**
 * Tells whether a value can be a token. Guards read the token as a header, and rely on the characters that a header may
 * have. A query or message could contain a line break.
 */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TOKEN_BYTES && isVisible(value);
}

/** Tells whether a text is ASCII without spaces and control characters. */
function isVisible(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}

/** Tells whether a subprotocol is a token, which the server should not repeat. */
export function isTokenProtocol(protocol: string): boolean {
  return protocol.startsWith(SUBPROTOCOL);
}

/** Replaces the token in a URL; the rest of the URL is unchanged. */
export function withToken(url: string, token: string): string {
  const start = url.indexOf('?');
  if (start < 0) return url;
  const parameters = url.slice(start + 1).split('&');
  let replaced = false;
  const kept = parameters.flatMap(parameter => {
    if (!new URLSearchParams(parameter).has(PARAMETER)) return [parameter];
    if (replaced) return [];
    replaced = true;
    return [`${PARAMETER}=${encodeURIComponent(token)}`];
  });
  return replaced ? `${url.slice(0, start)}?${kept.join('&')}` : url;
}

function inSubprotocols(offered: string | undefined): string | undefined {
  for (const part of offered?.split(',') ?? []) {
    const protocol = part.trim();
    if (isTokenProtocol(protocol)) return protocol.slice(SUBPROTOCOL.length);
  }
  return undefined;
}

function inQuery(url: string): string | undefined {
  const start = url.indexOf('?');
  return start < 0 ? undefined : (new URLSearchParams(url.slice(start)).get(PARAMETER) ?? undefined);
}
