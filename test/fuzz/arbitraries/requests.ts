import fc from 'fast-check';
import { requestOf, type Upgrade } from '../script.js';
import { bytes, mutated, TREACHEROUS } from './bytes.js';

/** Paths of the gateways, with what routers trip over. */
export const path: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('/ticks', '/rooms/lobby', '/late', '/guarded', '/any') },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom('/ticks', '/rooms/lobby', '/late', '/rooms', '/guarded'),
        fc.constantFrom(
          '/',
          '//',
          '?',
          '?a=b',
          '?token=good',
          '#x',
          ';a=b',
          '/..',
          '/.',
          '%2f',
          '%00',
          '?hang',
          '?broken',
        ),
      )
      .map(([known, tail]) => known + tail),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('?hang', '?broken', '?leave', '?refused').map(query => `/late${query}`),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('good', 'good-slow', 'slow', 'hang', 'broken', 'forbidden', 'bad', '%00', 'good-soon')
      .map(token => `/guarded?token=${token}`),
  },
  {
    weight: 2,
    arbitrary: fc
      .oneof(
        fc.constantFrom(...TREACHEROUS),
        bytes(12).map(encodeURIComponent),
        fc.constantFrom('%', '%zz', '%2e%2e', ':room', '*'),
      )
      .map(room => `/rooms/${room}`),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '*',
      '//',
      '///ticks',
      '/%',
      'http://',
      'http://a b[/',
      'http://127.0.0.1/ticks',
      'ticks',
      '?',
      '#',
      ':',
      '/TICKS',
      '/\\ticks',
      '/ticks/../rooms/x',
      `/${'a'.repeat(8000)}`,
      '/'.repeat(4000),
      `/rooms/${'%41'.repeat(1000)}`,
    ),
  },
  { weight: 1, arbitrary: bytes(40).map(text => `/${text.replace(/[\0-\x20\x7f]/g, '_')}`) },
);

const list = (item: fc.Arbitrary<string>, maxLength = 6): fc.Arbitrary<string> =>
  fc
    .tuple(fc.array(item, { maxLength }), fc.constantFrom(',', ', ', ' ,', ',,', '\t,\t', ';'))
    .map(([items, comma]) => items.join(comma));

const token = fc.oneof(
  fc.constantFrom(
    'fanout.v1.json',
    'bearer.good',
    'bearer.',
    'bearer.aGVsbG8',
    'chat',
    'a',
    'FANOUT.V1.JSON',
    'f,g',
    '"q"',
  ),
  fc.constantFrom(...TREACHEROUS),
  fc.constantFrom(`b${' '.repeat(3000)}x`, 'x'.repeat(2000), ' ', '', '\t', '\xe9'),
);

const extension = fc.oneof(
  fc.constantFrom(
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'x-webkit-deflate-frame',
  ),
  fc
    .tuple(
      fc.constantFrom('permessage-deflate', ...TREACHEROUS),
      fc.constantFrom(
        'server_max_window_bits',
        'client_max_window_bits',
        'server_no_context_takeover',
        ...TREACHEROUS,
      ),
      fc.constantFrom('', '=8', '=15', '=7', '=16', '=99', '=-1', '="', '="10"', '=true', '=\\', '="\\"'),
    )
    .map(([name, parameter, value]) => `${name}; ${parameter}${value}`),
);

const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom(
    '127.0.0.1',
    '::1',
    '::ffff:10.0.0.1',
    '[::1]:80',
    '10.0.0.1:1234',
    'unknown',
    '_hidden',
    '256.1.1.1',
    '',
  ),
  fc.constantFrom(
    '1.2.3.4'.repeat(100),
    '0x7f.1',
    '127.1',
    '::'.repeat(20),
    'fe80::1%eth0',
    'not an address',
  ),
  bytes(10).map(text => text.replace(/[\r\n\0]/g, '')),
);

const origin = fc.constantFrom(
  'null',
  'http://127.0.0.1',
  'https://127.0.0.1',
  'http://127.0.0.1.evil.example',
  'http://127.0.0.1:80',
  'file://',
  'http://evil.example',
  'HTTP://127.0.0.1',
  'http://',
  '://',
  'http://127.0.0.1/',
  'http://u:p@127.0.0.1',
  ' ',
  'x'.repeat(5000),
);

const header: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  fc.tuple(fc.constant('Sec-WebSocket-Protocol'), list(token)),
  fc.tuple(fc.constant('Sec-WebSocket-Extensions'), list(extension, 3)),
  fc.tuple(fc.constant('X-Forwarded-For'), list(address)),
  fc.tuple(fc.constantFrom('Forwarded', 'X-Real-IP', 'X-Forwarded-Host', 'X-Forwarded-Proto'), address),
  fc.tuple(fc.constant('Origin'), origin),
  fc.tuple(
    fc.constant('Cookie'),
    list(fc.constantFrom('a=b', 'sid=1', '=', ';', '__proto__=1', 'a'.repeat(3000))),
  ),
  fc.tuple(
    fc.constant('Authorization'),
    fc.constantFrom(
      'Bearer good',
      'Bearer good-slow',
      'Bearer hang',
      'Bearer',
      'Bearer bad',
      'Basic Og==',
      'x'.repeat(4000),
    ),
  ),
  fc.tuple(
    fc.constant('Host'),
    fc.constantFrom('a b[', ':::', '[::1', '127.0.0.1:99999', 'x'.repeat(3000), '127.0.0.1@evil', ''),
  ),
  fc.tuple(
    fc.constant('Sec-WebSocket-Key'),
    fc.constantFrom('', 'x', '=', 'AAAAAAAAAAAAAAAAAAAAAA==', 'dGhlIHNhbXBsZSBub25jZQ', ' ', 'é'),
  ),
  fc.tuple(
    fc.constant('Sec-WebSocket-Version'),
    fc.constantFrom('8', '12', '0', '-1', '13, 8', '13.0', '', '99999999999999999999', 'x'),
  ),
  fc.tuple(
    fc.constant('Upgrade'),
    fc.constantFrom('WebSocket', 'h2c', 'websocket, h2c', '', 'x', 'websocket '),
  ),
  fc.tuple(
    fc.constant('Connection'),
    fc.constantFrom('keep-alive, Upgrade', 'upgrade', 'close', 'keep-alive', '', 'Upgrade, Upgrade'),
  ),
  fc.tuple(
    fc.constantFrom(...TREACHEROUS, 'X-A', 'x'.repeat(300)),
    fc.constantFrom('1', 'x'.repeat(2000), '\xe9'),
  ),
);

const bodied: fc.Arbitrary<readonly [string, string]> = fc.tuple(
  fc.constantFrom('Content-Length', 'Transfer-Encoding', 'Expect', 'TE', 'Trailer'),
  fc.constantFrom('0', '5', '-1', '99999999999999999999', 'chunked', 'chunked, chunked', '100-continue', 'x'),
);

const method = fc.oneof(
  { weight: 8, arbitrary: fc.constant('GET') },
  { weight: 1, arbitrary: fc.constantFrom('POST', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PRI', 'get', 'X') },
);

/** A request that is whole, with values of all sorts: the server owes it an answer. */
export const upgrade: fc.Arbitrary<Upgrade> = fc.record({
  path,
  method,
  headers: fc.array(header, { maxLength: 5 }),
});

/** One that an endpoint takes, mostly. */
export const goodUpgrade: fc.Arbitrary<Upgrade> = fc.record({
  path: fc.constantFrom(
    '/ticks',
    '/rooms/lobby',
    '/rooms/x',
    '/late',
    '/late?hang',
    '/late?refused',
    '/guarded?token=good',
    '/guarded?token=good',
    '/guarded?token=good-slow',
    '/guarded?token=good-soon',
    '/large',
  ),
  headers: fc.subarray([
    ['Sec-WebSocket-Protocol', 'fanout.v1.json'] as const,
    ['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits'] as const,
  ]),
});

/** Something like a request, cut and changed anywhere. */
export const brokenRequest: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: mutated(
      fc
        .record({
          path,
          method,
          version: fc.oneof(
            { weight: 5, arbitrary: fc.constant('1.1') },
            fc.constantFrom('1.0', '2.0', '0.9', '', '1.1.1'),
          ),
          headers: fc.array(fc.oneof({ weight: 4, arbitrary: header }, bodied), { maxLength: 6 }),
        })
        .map(requestOf),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .nat(3000)
      .map(count => requestOf({ headers: Array.from({ length: count }, (_, i) => [`X-${i}`, '1']) })),
  },
  { weight: 1, arbitrary: bytes(400) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '\x16\x03\x01\x02\0\x01\0',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\r\n\r\n',
      '\0'.repeat(100),
    ),
  },
);
