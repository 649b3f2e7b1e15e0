/** Returns the part of an address that counts as one client: an IPv4 address, or the IPv6 network of 64 bits of a customer. */
export function addressGroup(ip: string): string {
  if (!ip.includes(':')) return ip;
  const gap = ip.indexOf('::');
  const [head, tail] = gap < 0 ? [ip, ''] : [ip.slice(0, gap), ip.slice(gap + 2)];
  const first = head === '' ? [] : head.split(':');
  if (first.length >= 4) return first.slice(0, 4).join(':');
  const last = tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  return [...first, ...zeros, ...last].slice(0, 4).join(':');
}
