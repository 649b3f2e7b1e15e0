import type { IncomingHttpHeaders } from 'node:http';

/** For everything that is empty: an object of its own would be 56 bytes a connection. */
const NOTHING: Readonly<Record<string, never>> = Object.freeze(Object.create(null) as Record<string, never>);

/** The HTTP request a connection began with, as much of it as is worth its memory. */
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

  /** The query string, parsed at each call; the last of several values wins. */
  get query(): Record<string, string> {
    const start = this.url.indexOf('?');
    return Object.fromEntries(new URLSearchParams(start < 0 ? '' : this.url.slice(start)));
  }

  /** Forgets the headers but for the named ones: they are most of the memory of an idle connection. */
  keep(names: readonly string[]): void {
    let kept: IncomingHttpHeaders | undefined;
    for (const name of names)
      if (this.#headers[name] !== undefined) (kept ??= {})[name] = this.#headers[name];
    this.#headers = kept ?? NOTHING;
  }
}
