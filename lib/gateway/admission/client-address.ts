import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, SocketAddress } from 'node:net';

/**
 * Most entries of `X-Forwarded-For` that are read. Real chains of proxies are shorter, and a long header from an
 * attacker must cost nothing.
 */
const MOST_PROXIES = 32;

/** Prefix of an IPv4 address on a socket that also accepts IPv6. */
const MAPPED = '::ffff:';

/** Finds the address of clients, by the option `trustProxy`. */
export class ClientAddresses {
  /** Number of trusted proxies, if the option is a number. */
  readonly #hops: number;
  readonly #networks: BlockList | undefined;

  /** @param trustProxy a valid value, as returned by `resolveOptions` */
  constructor(trustProxy: number | readonly string[]) {
    this.#hops = typeof trustProxy === 'number' ? trustProxy : 0;
    this.#networks = typeof trustProxy === 'number' ? undefined : networks(trustProxy);
  }

  /** Returns the address nearest to the client that a trusted proxy reports: IPv4, or IPv6 in its shortest form. */
  of(request: IncomingMessage): string {
    let address = peerOf(request);
    const forwarded = headerText(request, 'x-forwarded-for');
    // Read from the right: our own proxy wrote the last entry, and each proxy before it wrote the entry before.
    let end = forwarded.length;
    for (let hop = 0; hop < MOST_PROXIES && end >= 0 && this.#trusts(address, hop); hop++) {
      const comma = end === 0 ? -1 : forwarded.lastIndexOf(',', end - 1);
      const next = addressIn(forwarded.slice(comma + 1, end));
      if (next === undefined) return address;
      address = next;
      end = comma;
    }
    return address;
  }

  /** Tells whether headers such as `X-Forwarded-Proto` come from a trusted proxy. */
  trustsPeer(request: IncomingMessage): boolean {
    return this.#trusts(peerOf(request), 0);
  }

  /** Tells whether an address is a trusted proxy. @param hop number of proxies between that address and this server */
  #trusts(address: string, hop: number): boolean {
    if (this.#networks === undefined) return hop < this.#hops;
    const version = isIP(address);
    return version !== 0 && this.#networks.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }
}

/** Returns the text of a header. Node joins repeated headers in the order of their arrival. */
export function headerText(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return value === undefined ? '' : String(value);
}

function peerOf(request: IncomingMessage): string {
  return unmapped(request.socket.remoteAddress ?? '');
}

function unmapped(address: string): string {
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address;
}

function networks(list: readonly string[]): BlockList {
  const trusted = new BlockList();
  for (const network of list) {
    const [address, prefix] = network.split('/') as [string, string?];
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  return trusted;
}

/** Returns the address in an entry of `X-Forwarded-For`: `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:80`. */
function addressIn(entry: string): string | undefined {
  let text = entry.trim();
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    const rest = text.slice(close + 1);
    if (close < 0 || (rest !== '' && !rest.startsWith(':'))) return undefined;
    text = text.slice(1, close);
  } else if (text.includes('.') && text.indexOf(':') === text.lastIndexOf(':')) {
    const colon = text.indexOf(':');
    if (colon >= 0) text = text.slice(0, colon);
  }
  // The zone of an IPv6 address means something only to the host that wrote it. Node may also accept an address with a
  // zone and then fail to read it.
  text = text.split('%', 1)[0]!;
  const version = isIP(text);
  if (version === 0) return undefined;
  // An IPv6 address has many spellings, and a client that varies them must not count as many. The canonical text is
  // also a new string: a substring of the header would keep the whole header, 16 KB, in memory as long as the address.
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return unmapped(new SocketAddress({ address: text, family }).address);
}
