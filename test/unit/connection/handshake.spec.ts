import { describe, expect, it } from 'vitest';
import { Handshake } from '../../../lib/connection/handshake.js';

describe('Handshake', () => {
  it.each([
    ['/market?a=1&b=%20x', '/market', { a: '1', b: ' x' }],
    ['/market', '/market', {}],
    ['/?a=1&a=2', '/', { a: '2' }],
    ['/x?', '/x', {}],
    ['/x?a=b?c', '/x', { a: 'b?c' }],
  ])('splits %s', (url, path, query) => {
    const handshake = new Handshake(url, '::1', {});
    expect(handshake).toMatchObject({ url, path, query, ip: '::1', params: {} });
  });

  describe('#keep', () => {
    const headers = { host: 'a', cookie: 'secret', 'x-tenant': 't', 'set-cookie': ['x', 'y'] };

    it('forgets all headers but the named ones', () => {
      const handshake = new Handshake('/', '::1', headers);
      expect(handshake.headers).toEqual(headers);
      handshake.keep(['x-tenant', 'set-cookie', 'absent']);
      expect(handshake.headers).toEqual({ 'x-tenant': 't', 'set-cookie': ['x', 'y'] });
      expect(headers.cookie).toBe('secret');
    });

    it('forgets everything for no names', () => {
      const handshake = new Handshake('/', '::1', headers);
      handshake.keep([]);
      expect(Object.keys(handshake.headers)).toEqual([]);
    });
  });
});
