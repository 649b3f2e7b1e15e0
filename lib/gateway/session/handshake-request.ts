import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { parse } from 'node:querystring';
import type { Handshake } from '../../connection/handshake.js';
import { offeredToken, withToken } from './bearer-token.js';

/**
 * Request for handshake guards, returned by `switchToHttp().getRequest()`: Node's request, with the fields that guards
 * written for Express or Fastify read.
 */
export interface HandshakeRequest extends IncomingMessage {
  query: NodeJS.Dict<string | string[]>;
  params: Readonly<Record<string, string>>;
  ip: string;
  originalUrl: string;
  cookies: NodeJS.Dict<string>;
  /** User, set by a guard. */
  user?: unknown;
  /** End of the credentials, set by a guard. */
  expiresAt?: unknown;
}

/** Facts about the client that are not in the request itself. */
type Origin = Pick<HandshakeRequest, 'ip' | 'params'>;

/** Fields computed when a guard reads them. Most guards read none. */
const LAZY = {
  query: ({ url = '' }: IncomingMessage) => parse(url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''),
  originalUrl: ({ url = '/' }: IncomingMessage) => url,
  cookies: ({ headers }: IncomingMessage) => cookiesIn(headers.cookie ?? ''),
};

const LAZY_PROPERTIES = Object.entries(LAZY).map(([name, make]) => [name, lazy(name, make)] as const);

/**
 * Prepares the request of an upgrade for guards. Existing fields stay. A token from elsewhere is put into the header
 * `authorization`, where every strategy looks for it.
 */
export function handshakeRequest(request: IncomingMessage, { ip, params }: Origin): HandshakeRequest {
  const { headers } = request;
  if (headers.authorization === undefined) {
    const token = offeredToken(request);
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
  }
  return extended(request, { ip, params });
}

/**
 * Makes a request with a new token, for guards that check an open connection again. It has the headers that were kept
 * from the handshake.
 */
export function renewalRequest(
  socket: Socket,
  { url, headers, ip, params }: Handshake,
  token: string,
): HandshakeRequest {
  const request = new IncomingMessage(socket);
  request.method = 'GET';
  request.httpVersion = '1.1';
  request.url = withToken(url, token);
  request.headers = { ...headers, authorization: `Bearer ${token}` };
  // The request has no body, and a guard that reads the body must not wait.
  request.complete = true;
  request.push(null);
  return extended(request, { ip, params });
}

function extended(request: IncomingMessage, values: Origin): HandshakeRequest {
  for (const [name, value] of Object.entries(values))
    if (!(name in request))
      Object.defineProperty(request, name, { value, writable: true, enumerable: true, configurable: true });
  for (const [name, property] of LAZY_PROPERTIES)
    if (!(name in request)) Object.defineProperty(request, name, property);
  return request as HandshakeRequest;
}

function lazy(name: string, make: (request: IncomingMessage) => unknown): PropertyDescriptor {
  const define = (request: IncomingMessage, value: unknown): unknown => {
    Object.defineProperty(request, name, { value, writable: true, enumerable: true, configurable: true });
    return value;
  };
  return {
    configurable: true,
    enumerable: true,
    get(this: IncomingMessage) {
      return define(this, make(this));
    },
    set(this: IncomingMessage, value: unknown) {
      define(this, value);
    },
  };
}

/** Parses the cookies of a request, the first of each name, as `cookie-parser` does without a secret. */
function cookiesIn(header: string): NodeJS.Dict<string> {
  const cookies = Object.create(null) as NodeJS.Dict<string>;
  for (const part of header.split(';')) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0)).trim();
    if (name !== '' && cookies[name] === undefined) cookies[name] = decoded(part.slice(at + 1).trim());
  }
  return cookies;
}

function decoded(text: string): string {
  const value = text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
