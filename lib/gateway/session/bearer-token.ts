import type { IncomingMessage } from 'node:http';

/** Bytes of the longest token that is looked at: far more than a JWT has, and about half of what Node lets headers be. */
export const MAX_TOKEN_BYTES = 8192;

const SUBPROTOCOL = 'bearer.';
const PARAMETER = 'access_token';

/**
 * The token of a client that cannot set headers, such as a browser: that of the subprotocol `bearer.<token>`, else that of
 * the query parameter `access_token`. Undefined when there is none, or when it is too long to be one.
 */
export function offeredToken({ headers, url }: IncomingMessage): string | undefined {
  const token = inSubprotocols(headers['sec-websocket-protocol']) ?? inQuery(url ?? '');
  return token !== undefined && isToken(token) ? token : undefined;
}

/**
 * Whether a value can be a token. It stands where a header would be, and whoever reads that relies on what a header cannot
 * have: in a query and in a message there might be the end of a line.
 */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TOKEN_BYTES && isVisible(value);
}

/** Whether a text is ASCII without spaces and control characters. */
function isVisible(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}

/** Whether a subprotocol is a token, which a server had better not repeat. */
export function isTokenProtocol(protocol: string): boolean {
  return protocol.startsWith(SUBPROTOCOL);
}

/** The URL with another token where it has one. Everything else stays as it was sent. */
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
