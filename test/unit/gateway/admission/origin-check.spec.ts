import type { IncomingMessage } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { ClientAddresses } from '../../../../lib/gateway/admission/client-address.js';
import { OriginCheck } from '../../../../lib/gateway/admission/origin-check.js';
import type { FanoutOptions } from '../../../../lib/options/fanout-options.js';
import { resolveOptions } from '../../../../lib/options/resolve-options.js';

type Headers = Readonly<Record<string, string>>;

function admits(options: FanoutOptions, headers: Headers, encrypted = false): boolean | Promise<boolean> {
  const { origins, trustProxy } = resolveOptions(options);
  const check = new OriginCheck(origins, new ClientAddresses(trustProxy));
  return check.admits({
    headers,
    socket: { remoteAddress: '10.0.0.1', encrypted },
  } as unknown as IncomingMessage);
}

describe('OriginCheck', () => {
  describe("'same'", () => {
    it.each<[string, Headers, boolean]>([
      ['http://example.com', { host: 'example.com' }, false],
      ['https://example.com', { host: 'example.com' }, true],
      ['http://example.com:8080', { host: 'example.com:8080' }, false],
      ['http://EXAMPLE.com', { host: 'Example.COM' }, false],
      ['http://example.com:80', { host: 'example.com' }, false],
      ['https://example.com', { host: 'example.com:443' }, true],
      ['http://[::1]:3000', { host: '[::1]:3000' }, false],
      ['http://[0:0::1]:3000', { host: '[::1]:3000' }, false],
      ['http://bücher.example', { host: 'xn--bcher-kva.example' }, false],
    ])('admits %s', (origin, headers, encrypted) => {
      expect(admits({ origins: 'same' }, { ...headers, origin }, encrypted)).toBe(true);
    });

    it.each<[string, string, boolean]>([
      ['https://example.com', 'another scheme', false],
      ['http://example.com', 'another scheme', true],
      ['http://example.com:8080', 'another port', false],
      ['http://example.com.evil.com', 'a suffix', false],
      ['http://evilexample.com', 'a prefix', false],
      ['http://sub.example.com', 'a subdomain', false],
      ['http://example.com@evil.com', 'a user', false],
      ['http://evil.com#example.com', 'a fragment', false],
      ['http://evil.com/http://example.com', 'a path', false],
      ['http://example.com, http://evil.com', 'two', false],
      ['http://example.com.', 'a dot at the end', false],
      ['null', 'null', false],
      ['', 'nothing', false],
      ['example.com', 'no scheme', false],
    ])('refuses %s, which is %s', (origin, _, encrypted) => {
      expect(admits({ origins: 'same' }, { host: 'example.com', origin }, encrypted)).toBe(false);
    });

    it('admits who says no origin: browsers always do', () => {
      expect(admits({ origins: 'same' }, { host: 'example.com', cookie: 'a=b' })).toBe(true);
    });

    it.each<[string, Headers]>([
      ['scheme', { host: 'app.example', 'x-forwarded-proto': 'https' }],
      ['scheme of the WebSocket', { host: 'app.example', 'x-forwarded-proto': 'wss' }],
      ['host', { host: 'upstream', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'app.example' }],
      [
        'first of several',
        { host: 'b', 'x-forwarded-proto': 'https, http', 'x-forwarded-host': 'app.example, b' },
      ],
    ])('goes by the %s that a trusted proxy tells, and by no other', (_, headers) => {
      const request = { ...headers, origin: 'https://app.example' };
      expect(admits({ origins: 'same', trustProxy: 1 }, request)).toBe(true);
      expect(admits({ origins: 'same', trustProxy: ['10.0.0.0/8'] }, request)).toBe(true);
      expect(admits({ origins: 'same', trustProxy: ['11.0.0.0/8'] }, request)).toBe(false);
      expect(admits({ origins: 'same' }, request)).toBe(false);
    });

    it('is the rule for requests with credentials when no other is set, and for those alone', () => {
      const foreign = { host: 'example.com', origin: 'https://evil.com' };
      expect(admits({}, foreign)).toBe(true);
      expect(admits({}, { ...foreign, cookie: 'session=1' })).toBe(false);
      expect(admits({}, { ...foreign, cookie: '' })).toBe(false);
      expect(admits({}, { ...foreign, authorization: 'Basic dTpw' })).toBe(false);
      expect(admits({}, { ...foreign, authorization: 'bearer token' })).toBe(true);
      expect(admits({}, { host: 'example.com', origin: 'http://example.com', cookie: 'session=1' })).toBe(
        true,
      );
    });
  });

  describe('a list', () => {
    const origins = ['https://App.example.com:443', 'http://[::1]:3000', 'app://x', 'http://localhost'];

    it.each(['https://app.example.com', 'HTTPS://APP.EXAMPLE.COM', 'http://[::1]:3000', 'app://x'])(
      'admits %s',
      origin => expect(admits({ origins }, { host: 'x', origin })).toBe(true),
    );

    it.each([
      'http://app.example.com',
      'https://app.example.com:8443',
      'https://app.example.com.evil.com',
      'https://evilapp.example.com',
      'https://app.example.com@evil.com',
      'http://x',
      'null',
    ])('refuses %s', origin => expect(admits({ origins }, { host: 'x', origin })).toBe(false));

    it('admits null only if it is listed, and who says nothing', () => {
      expect(admits({ origins: ['null'] }, { origin: 'null' })).toBe(true);
      expect(admits({ origins: ['null'] }, { origin: 'http://x' })).toBe(false);
      expect(admits({ origins: [] }, {})).toBe(true);
      expect(admits({ origins: [] }, { origin: 'http://x' })).toBe(false);
    });
  });

  describe("'file://' in a list", () => {
    it('admits pages from files as shells around Chromium name them, and no page without an origin', () => {
      expect(admits({ origins: ['file://'] }, { origin: 'file://' })).toBe(true);
      expect(admits({ origins: ['file://'] }, { origin: 'null' })).toBe(false);
      expect(admits({ origins: ['file://'] }, { origin: 'file:///etc/passwd' })).toBe(false);
      expect(admits({ origins: ['null'] }, { origin: 'file://' })).toBe(false);
      expect(admits({ origins: 'same' }, { host: 'x', origin: 'file://' })).toBe(false);
    });
  });

  describe('#refusalLine', () => {
    const line = (options: FanoutOptions, headers: Headers): string => {
      const { origins, trustProxy } = resolveOptions(options);
      const check = new OriginCheck(origins, new ClientAddresses(trustProxy));
      return check.refusalLine({
        headers,
        socket: { remoteAddress: '10.0.0.1' },
      } as unknown as IncomingMessage);
    };

    it('names the origin, the host and what the server takes for its own origin', () => {
      expect(line({}, { origin: 'https://app.example', host: 'api.example' })).toBe(
        'An upgrade from a page of the origin "https://app.example" to the host "api.example" was refused with 403, because the ' +
          'origin of this server is "http://api.example". Set the option origins to a list of the origins that may connect. ' +
          'Behind a proxy also set trustProxy, so that the server knows the scheme and host that clients use.',
      );
    });

    it('names the option that has decided', () => {
      const headers = { origin: 'https://app.example', host: 'api.example' };
      expect(line({ origins: [] }, headers)).toContain('the option origins does not list this origin');
      expect(line({ origins: () => false }, headers)).toContain('by the function of the option origins');
    });

    it('is one line without quotes of a client, and short', () => {
      const text = line({}, { origin: `a"b\nc\u001b${'x'.repeat(5000)}`, host: 'é"' });
      expect(text).toMatch(/^[ -~]+$/);
      expect(text).toContain('"a?b?c?xxx');
      expect(text.length).toBeLessThan(800);
    });
  });

  describe('a function', () => {
    it('decides about every request, with what was sent', () => {
      const policy = vi.fn((origin: string | undefined) => origin === undefined);
      expect(admits({ origins: policy }, {})).toBe(true);
      expect(admits({ origins: policy }, { origin: 'http://X' })).toBe(false);
      expect(policy.mock.calls.map(([origin]) => origin)).toEqual([undefined, 'http://X']);
    });

    it('may take its time, and only true admits', async () => {
      expect(await admits({ origins: async () => true }, {})).toBe(true);
      expect(await admits({ origins: async () => false }, {})).toBe(false);
      expect(await admits({ origins: (() => 'yes') as never }, {})).toBe(false);
      expect(await admits({ origins: (() => undefined) as never }, {})).toBe(false);
    });
  });
});
