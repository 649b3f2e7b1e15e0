/**
 * An address of this machine for each client: Linux takes all of 127.0.0.0/8 for itself, so limits of an address can be
 * met without a second machine.
 *
 * @param {number} block 1 to 255, so that several processes do not share addresses
 * @param {number} number of the client in it, up to 65,000
 */
export function loopback(block, number) {
  return `127.${block}.${(number + 1) >> 8}.${(number + 1) & 255}`;
}
