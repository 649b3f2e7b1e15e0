import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isToken, offeredToken, withToken } from '../../../../lib/gateway/session/bearer-token.js';
import { chosenProtocol } from '../../../../lib/gateway/handshake/chosen-protocol.js';
import { Protocols } from '../../../../lib/protocol/protocols.js';

const offered = (protocols?: string, url = '/'): string | undefined =>
  offeredToken({ headers: { 'sec-websocket-protocol': protocols }, url } as never);

describe('offeredToken', () => {
  it.each([
    [undefined, '/', undefined],
    ['fanout.v1.json', '/market', undefined],
    ['fanout.v1.json, bearer.a.b.c', '/', 'a.b.c'],
    ['bearer.a,bearer.b', '/', 'a'],
    ['x,\tbearer.a', '/', 'a'],
    ['Bearer.a', '/', undefined],
    ['x.bearer.a', '/', undefined],
    ['bearer.', '/', undefined],
    ['bearer.a', '/?access_token=b', 'a'],
    [undefined, '/?access_token=b', 'b'],
    [undefined, '/?room=1&access_token=a%2Bb%3D&access_token=c', 'a+b='],
    [undefined, '/?access_token=', undefined],
    [undefined, '/access_token=a', undefined],
    [undefined, '/?token=access_token=a', undefined],
    [undefined, '/?access_token=%E0%A4%A', undefined],
    [undefined, '/?access_token=a%0D%0AX-User:%20b', undefined],
    [undefined, '/?access_token=a+b', undefined],
  ])('finds in %j and %j the token %j', (protocols, url, token) => {
    expect(offered(protocols, url)).toBe(token);
  });

  it('takes 8 KiB for a token, and no more', () => {
    const longest = 'a'.repeat(8192);
    expect(offered(`bearer.${longest}`)).toBe(longest);
    expect(offered(`bearer.${longest}a`)).toBeUndefined();
    expect(offered(undefined, `/?access_token=${longest}a`)).toBeUndefined();
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (protocols, url) => void offered(protocols, url)));
  });
});

describe('isToken', () => {
  it.each([
    ['a', true],
    ['', false],
    [undefined, false],
    [7, false],
    [{ length: 1 }, false],
    ['!~'.repeat(4096), true],
    ['!~'.repeat(4097), false],
    ['a b', false],
    ['a\n', false],
    ['a\x7f', false],
    ['ä', false],
  ])('of %j is %j', (value, is) => {
    expect(isToken(value)).toBe(is);
  });
});

describe('withToken', () => {
  it.each([
    ['/market', '/market'],
    ['/market?room=1', '/market?room=1'],
    ['/market?access_token=old', '/market?access_token=n%26w'],
    ['/market?a=%20+&access_token=old&b', '/market?a=%20+&access_token=n%26w&b'],
    ['/market?access%5Ftoken=old&access_token=older&c=1', '/market?access_token=n%26w&c=1'],
  ])('replaces the token in %j and nothing else', (url, expected) => {
    expect(withToken(url, 'n&w')).toBe(expected);
  });
});

describe('chosenProtocol', () => {
  it.each([
    [['a', 'b'], 'a'],
    [['a', 'fanout.v1.json'], 'fanout.v1.json'],
    [['bearer.x', 'a'], 'a'],
    [['bearer.x'], 'bearer.x'],
  ])('of %j is %j', (protocols, expected) => {
    expect(chosenProtocol(new Protocols(), new Set(protocols))).toBe(expected);
  });
});
