import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { addressGroup } from '../../../../lib/limits/address-group.js';
import { ClientAddresses } from '../../../../lib/gateway/admission/client-address.js';
import { collectGarbage } from '../../../support/unit/garbage.js';

type Trust = number | readonly string[];

function addressOf(trust: Trust, remoteAddress: string | undefined, forwarded?: string): string {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return new ClientAddresses(trust).of({ headers, socket: { remoteAddress } } as unknown as IncomingMessage);
}

/** Of the longest way to write an address, which Node takes for one with a zone too, but cannot read with it. */
const LONG = '1111:1111:1111:1111:1111:1111:6464:6464';

const PRIVATE = ['10.0.0.0/8', '192.168.1.1', 'fd00::/8', '::1'];

describe('ClientAddresses', () => {
  describe('#of', () => {
    it.each<[string, Trust, string | undefined, string | undefined, string]>([
      ['the peer without a proxy', 0, '1.2.3.4', undefined, '1.2.3.4'],
      ['the peer for a header that nobody vouches for', 0, '1.2.3.4', '6.6.6.6', '1.2.3.4'],
      ['the peer for a header of who is in no network', PRIVATE, '1.2.3.4', '6.6.6.6', '1.2.3.4'],
      ['IPv4 without the IPv6 prefix', 0, '::ffff:1.2.3.4', undefined, '1.2.3.4'],
      ['nothing for a Unix socket', 0, undefined, undefined, ''],
      ['the header behind a Unix socket', 1, undefined, '1.2.3.4', '1.2.3.4'],
      ['the last entry behind one proxy', 1, '10.0.0.1', '6.6.6.6, 1.2.3.4', '1.2.3.4'],
      ['the last but one behind two', 2, '10.0.0.1', '6.6.6.6, 1.2.3.4, 10.0.0.2', '1.2.3.4'],
      ['the first where there are fewer than proxies', 5, '10.0.0.1', '1.2.3.4, 10.0.0.2', '1.2.3.4'],
      ['the proxy without a header', 1, '10.0.0.1', undefined, '10.0.0.1'],
      ['the proxy for an empty header', 1, '10.0.0.1', '', '10.0.0.1'],
      ['the proxy for a header of commas', 9, '10.0.0.1', ',,,', '10.0.0.1'],
      ['the first that is in no network', PRIVATE, '10.0.0.1', '6.6.6.6, 1.2.3.4, 10.9.9.9', '1.2.3.4'],
      ['the first of all that are in a network', PRIVATE, '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
      ['a network of IPv6', PRIVATE, 'fd12::1', '6.6.6.6, 2001:db8::7', '2001:db8::7'],
      ['a mapped address in a network', PRIVATE, '::ffff:10.1.2.3', '1.2.3.4', '1.2.3.4'],
      ['a single address as a network', PRIVATE, '192.168.1.1', '1.2.3.4', '1.2.3.4'],
      ['the neighbour of a single address', PRIVATE, '192.168.1.2', '1.2.3.4', '192.168.1.2'],
      ['the last trusted one before junk', 3, '10.0.0.1', '1.2.3.4, junk, 10.0.0.2', '10.0.0.2'],
      ['the last trusted one before a hole', 3, '10.0.0.1', '1.2.3.4,, 10.0.0.2', '10.0.0.2'],
      ['an entry with a port', 1, '10.0.0.1', '1.2.3.4:8080', '1.2.3.4'],
      ['IPv6 in brackets', 1, '10.0.0.1', '[2001:db8::1]', '2001:db8::1'],
      ['IPv6 in brackets with a port', 1, '10.0.0.1', '[2001:db8::1]:80', '2001:db8::1'],
      ['IPv6 without brackets', 1, '10.0.0.1', '2001:db8::1', '2001:db8::1'],
      ['IPv6 written at length', 1, '10.0.0.1', '2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
      ['IPv6 with a zone', 1, '10.0.0.1', 'fe80::1%eth0', 'fe80::1'],
      ['long IPv6 with a zone', 1, '10.0.0.1', `${'1111:'.repeat(6)}100.100.100.100%1`, LONG],
      ['mapped IPv4', 1, '10.0.0.1', '::ffff:1.2.3.4', '1.2.3.4'],
      ['mapped IPv4 in hexadecimal', 1, '10.0.0.1', '::ffff:102:304', '1.2.3.4'],
      ['spaces and tabs', 1, '10.0.0.1', ' 6.6.6.6 ,\t1.2.3.4 ', '1.2.3.4'],
    ])('gives %s', (_, trust, peer, forwarded, expected) => {
      expect(addressOf(trust, peer, forwarded)).toBe(expected);
    });

    it.each(['unknown', '_hidden', '[::1', '[::1]x', '[1.2.3.4', '1.2.3', '1.2.3.4.5', '1.2.3.4:', '<b>'])(
      'keeps to the proxy for %s, or takes its address',
      entry => expect(['10.0.0.1', '1.2.3.4']).toContain(addressOf(1, '10.0.0.1', entry)),
    );

    it('looks at a bounded number of entries', () => {
      const header = Array.from({ length: 100_000 }, (_, n) => `10.0.${(n >> 8) & 255}.${n & 255}`);
      const given = addressOf(['10.0.0.0/8'], '10.0.0.1', header.join(', '));
      expect(given).toBe(header.at(-32));
    });

    it('keeps no header in memory, of which an address is a small part', async () => {
      const COUNT = 1000;
      const HEADER_BYTES = 10_000;
      const addresses = new Set<string>();
      await collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let n = 0; n < COUNT; n++) {
        const last = `100.100.${100 + (n >> 7)}.${100 + (n & 127)}`;
        // As Node's parser makes it: a text of its own, and not one that is put together of others.
        addresses.add(
          addressOf(1, '10.0.0.1', Buffer.from(`, ${last}`.padStart(HEADER_BYTES, '6')).toString()),
        );
      }
      await collectGarbage();
      const each = (process.memoryUsage().heapUsed - before) / addresses.size;
      expect(addresses.size).toBe(COUNT);
      expect(each).toBeLessThan(HEADER_BYTES / 2);
    });
  });
});

describe('addressGroup', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['2001:db8::3:4:5:6', '2001:db8:0:0'],
    ['2001:db8::2:3:4:5:6', '2001:db8:0:2'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['1::', '1:0:0:0'],
    ['::2:3:4:5:6:7', '0:0:2:3'],
    ['', ''],
  ])('counts %s as %s', (ip, group) => expect(addressGroup(ip)).toBe(group));
});
