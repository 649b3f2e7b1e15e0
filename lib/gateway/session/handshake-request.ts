import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { parse } from 'node:querystring';
import type { Handshake } from '../../connection/handshake.js';
import { offeredToken, withToken } from './bearer-token.js';

/** What handshake guards get from `switchToHttp().getRequest()`: the request of Node with what guards of Express and Fastify read. */
export interface HandshakeRequest extends IncomingMessage {
  query: NodeJS.Dict<string | string[]>;
  params: Readonly<Record<string, string>>;
  ip: string;
  originalUrl: string;
  cookies: NodeJS.Dict<string>;
  /** Who it is; left by a guard. */
  user?: unknown;
  /** Until when that holds; left by a guard. */
  expiresAt?: unknown;
}

/** Who asks, as far as the request itself cannot tell. */
type Origin = Pick<HandshakeRequest, 'ip' | 'params'>;

/** Made when a guard reads them: most read none. */
const LAZY = {
  query: ({ url = '' }: IncomingMessage) => parse(url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''),
  originalUrl: ({ url = '/' }: IncomingMessage) => url,
  cookies: ({ headers }: IncomingMessage) => cookiesIn(headers.cookie ?? ''),
};

const LAZY_PROPERTIES = Object.entries(LAZY).map(([name, make]) => [name, lazy(name, make)] as const);

/**
 * The request of an upgrade as guards read it. What is there already is left as it is. A token that does not come in the
 * header `authorization` is put there, where every strategy looks for it.
 */
export function handshakeRequest(request: IncomingMessage, { ip, params }: Origin): HandshakeRequest {
  const { headers } = request;
  if (headers.authorization === undefined) {
    const token = offeredToken(request);
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
  }
  return extended(request, { ip, params });
}

/** A request with another token, for the guards of a connection that is there already. Of its headers it has those that were kept. */
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
  // There is no body, and whoever reads it must not wait for one.
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

/** The cookies of a request, the first of each name, as `cookie-parser` has them without a secret. */
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
