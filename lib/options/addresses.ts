import { isIP } from 'node:net';

/** The origin of pages from files, as Electron and other shells around Chromium write it; browsers mostly write `null`. */
const FILES = 'file://';

/** An origin as browsers write it: lower case, without the port that its scheme implies. Undefined for anything else. */
export function canonicalOrigin(origin: unknown): string | undefined {
  if (origin === 'null' || origin === FILES) return origin;
  if (typeof origin !== 'string' || !URL.canParse(origin)) return undefined;
  const { protocol, host, href } = new URL(origin);
  // Also of schemes that URL knows no origin for, such as those of browser extensions and of apps.
  const canonical = `${protocol}//${host}`;
  // A path, a query or a user in it would never be compared, and whoever wrote it meant something by it.
  // Nor would a wildcard: whoever writes one means more than the one origin that it would be compared as.
  return host !== '' && !host.includes('*') && (href === canonical || href === `${canonical}/`)
    ? canonical
    : undefined;
}

/** An address, or a network as `address/prefix`. */
export function isNetwork(network: unknown): network is string {
  if (typeof network !== 'string') return false;
  const [address, prefix, ...others] = network.split('/');
  const version = isIP(address!);
  if (version === 0 || others.length > 0) return false;
  if (prefix === undefined) return true;
  const bits = Number(prefix);
  return prefix === String(bits) && Number.isInteger(bits) && bits >= 0 && bits <= (version === 4 ? 32 : 128);
}
