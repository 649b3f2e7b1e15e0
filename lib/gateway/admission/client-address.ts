import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, SocketAddress } from 'node:net';

/** Entries of `X-Forwarded-For` that are looked at. No chain of proxies is that long, and an attacker's must cost nothing. */
const MOST_PROXIES = 32;

/** IPv4 addresses as seen on a socket that takes IPv6 too. */
const MAPPED = '::ffff:';

/** Finds out the address of clients, by the option `trustProxy`. */
export class ClientAddresses {
  /** Proxies in front, when they are counted. */
  readonly #hops: number;
  readonly #networks: BlockList | undefined;

  /** @param trustProxy valid, as `resolveOptions` gives it */
  constructor(trustProxy: number | readonly string[]) {
    this.#hops = typeof trustProxy === 'number' ? trustProxy : 0;
    this.#networks = typeof trustProxy === 'number' ? undefined : networks(trustProxy);
  }

  /** The address nearest to the client that somebody we trust vouches for: IPv4, or IPv6 in its shortest form. */
  of(request: IncomingMessage): string {
    let address = peerOf(request);
    const forwarded = headerText(request, 'x-forwarded-for');
    // From the right: the last entry was written by our own proxy, and what is left of it by whom it heard from.
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

  /** Whether headers such as `X-Forwarded-Proto` come from a proxy that is trusted. */
  trustsPeer(request: IncomingMessage): boolean {
    return this.#trusts(peerOf(request), 0);
  }

  /** @param hop how many proxies are between it and us */
  #trusts(address: string, hop: number): boolean {
    if (this.#networks === undefined) return hop < this.#hops;
    const version = isIP(address);
    return version !== 0 && this.#networks.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }
}

/** The text of a header; Node joins those that came several times, in the order they came. */
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

/** The address in an entry of `X-Forwarded-For`: `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]` or `[::1]:80`. */
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
  // The zone of an IPv6 address means something to the host that wrote it only, and with one Node may take an address for
  // valid that it then cannot read.
  text = text.split('%', 1)[0]!;
  const version = isIP(text);
  if (version === 0) return undefined;
  // There are many ways to write one IPv6 address, and who can choose must not be counted as many. And what is a part of
  // the header would keep all of it in memory, 16 KB, for as long as the address is remembered.
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return unmapped(new SocketAddress({ address: text, family }).address);
}
