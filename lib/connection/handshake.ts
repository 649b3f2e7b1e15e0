import type { IncomingHttpHeaders } from 'node:http';

/** Empty object for all connections: one of its own would cost each connection 56 bytes. */
const NOTHING: Readonly<Record<string, never>> = Object.freeze(Object.create(null) as Record<string, never>);

/** HTTP request of a handshake, with the parts that are worth their memory. */
export class Handshake {
  /** Request target as sent, with the query string. */
  readonly url: string;
  /** Address of the client, by the option `trustProxy`; IPv4 addresses without the IPv6 prefix. */
  readonly ip: string;
  /** Parameters of the gateway's path, percent-decoded: `{ room: '42' }` for `/rooms/42` on `path: '/rooms/:room'`. */
  readonly params: Readonly<Record<string, string>>;
  #headers: Readonly<IncomingHttpHeaders>;

  constructor(
    url: string,
    ip: string,
    headers: IncomingHttpHeaders,
    params: Readonly<Record<string, string>> = NOTHING,
  ) {
    this.url = url;
    this.ip = ip;
    this.params = params;
    this.#headers = headers;
  }

  /** All headers until the connection is ready; from then on those named in the option `handshake.keep`. */
  get headers(): Readonly<IncomingHttpHeaders> {
    return this.#headers;
  }

  /** Path of the URL, without the query string. */
  get path(): string {
    const end = this.url.indexOf('?');
    return end < 0 ? this.url : this.url.slice(0, end);
  }

  /** Query string, parsed at each call; the last of several values wins. */
  get query(): Record<string, string> {
    const start = this.url.indexOf('?');
    return Object.fromEntries(new URLSearchParams(start < 0 ? '' : this.url.slice(start)));
  }

  /** Drops all headers except the named ones, because they are most of the memory of an idle connection. */
  keep(names: readonly string[]): void {
    let kept: IncomingHttpHeaders | undefined;
    for (const name of names)
      if (this.#headers[name] !== undefined) (kept ??= {})[name] = this.#headers[name];
    this.#headers = kept ?? NOTHING;
  }
}
