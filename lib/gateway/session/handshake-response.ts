import { type IncomingMessage, ServerResponse } from 'node:http';

/** Longest body of a refusal in bytes. Its client may never read it. */
export const MAX_BODY_BYTES = 1024;

type HeaderValue = number | string | readonly string[];

/**
 * Response for handshake guards, returned by `switchToHttp().getResponse()`: Node's response without a socket, with the
 * methods of Express and Fastify that guards need. A refusal takes its status, headers and body. A guard that ends the
 * response refuses.
 */
export class HandshakeResponse extends ServerResponse {
  /** Resolves to false when a guard has ended the response, because that guard may never return. */
  readonly ended: Promise<false>;
  #end!: (passed: false) => void;
  #body = '';

  constructor(request: IncomingMessage) {
    super(request);
    this.ended = new Promise(resolve => (this.#end = resolve));
  }

  /** Written body; undefined if empty or too long for a refusal. */
  get body(): string | undefined {
    return this.#body !== '' && Buffer.byteLength(this.#body) <= MAX_BODY_BYTES ? this.#body : undefined;
  }

  status(code: number): this {
    this.statusCode = code;
    return this;
  }

  code(code: number): this {
    return this.status(code);
  }

  header(name: string | Readonly<Record<string, HeaderValue>>, value?: HeaderValue): this {
    if (typeof name === 'string') return value === undefined ? this : this.setHeader(name, value);
    for (const [each, its] of Object.entries(name)) this.setHeader(each, its);
    return this;
  }

  set(name: string | Readonly<Record<string, HeaderValue>>, value?: HeaderValue): this {
    return this.header(name, value);
  }

  json(body: unknown): this {
    if (!this.hasHeader('content-type')) this.setHeader('content-type', 'application/json; charset=utf-8');
    return this.end(JSON.stringify(body));
  }

  send(body?: unknown): this {
    return typeof body === 'object' && body !== null && !Buffer.isBuffer(body)
      ? this.json(body)
      : this.end(body as string | undefined);
  }

  override writeHead(statusCode: number, ...rest: unknown[]): this {
    this.statusCode = statusCode;
    const headers = rest.find(part => typeof part === 'object' && part !== null);
    for (const [name, value] of pairsOf(headers as object | undefined)) this.setHeader(name, value);
    return this;
  }

  override write(chunk: unknown, ...rest: unknown[]): boolean {
    this.#take(chunk);
    called(rest);
    return true;
  }

  override end(...args: unknown[]): this {
    if (this.writableEnded) return this;
    this.#take(typeof args[0] === 'function' ? undefined : args[0]);
    this.finished = true;
    this.#end(false);
    called(args);
    return this;
  }

  #take(chunk: unknown): void {
    if (chunk === undefined || chunk === null || this.#body.length > MAX_BODY_BYTES) return;
    this.#body += Buffer.isBuffer(chunk) || chunk instanceof Uint8Array ? Buffer.from(chunk) : String(chunk);
  }
}

/** Calls the callback among the arguments of a writing method. */
function called(args: readonly unknown[]): void {
  const callback = args.find(arg => typeof arg === 'function') as (() => void) | undefined;
  if (callback !== undefined) process.nextTick(callback);
}

/** Returns the headers for `writeHead` as pairs. They may be an object, pairs, or alternating names and values. */
function pairsOf(headers: object = {}): [string, HeaderValue][] {
  if (!Array.isArray(headers)) return Object.entries(headers) as [string, HeaderValue][];
  if (Array.isArray(headers[0])) return headers as [string, HeaderValue][];
  return headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : [])) as [
    string,
    HeaderValue,
  ][];
}
