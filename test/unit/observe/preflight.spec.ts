import { describe, expect, it } from 'vitest';
import { Preflight } from '../../../lib/observe/preflight.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import type { FanoutOptions } from '../../../lib/options/fanout-options.js';

function setup(options: FanoutOptions = {}) {
  const lines: string[] = [];
  const preflight = new Preflight(resolveOptions(options), { warn: line => lines.push(line) });
  return { preflight, lines };
}

describe('the preflight', () => {
  it.each([{ 'x-forwarded-for': '192.0.2.1' }, { forwarded: 'for=192.0.2.1' }])(
    'warns once of a proxy that trustProxy does not know: %o',
    headers => {
      const { preflight, lines } = setup();
      preflight.upgrade({ host: 'example.com' });
      expect(lines).toEqual([]);
      for (let i = 0; i < 3; i++) preflight.upgrade(headers);
      expect(lines).toEqual([
        'An upgrade came with X-Forwarded-For or Forwarded, and the option "trustProxy" is 0, so the proxy counts as the ' +
          'client: set trustProxy to the number of proxies in front of this server, or to their networks.',
      ]);
    },
  );

  it('warns once of cookies without an origin policy', () => {
    const { preflight, lines } = setup();
    for (let i = 0; i < 3; i++) preflight.upgrade({ cookie: 'session=1' });
    expect(lines).toEqual([
      'An upgrade came with cookies, and the option "origins" is not set, so such clients may only come from pages of ' +
        "the requested host: set origins to 'same' for all clients, or to a list of those that may.",
    ]);
  });

  it('says nothing of either where the options are set', () => {
    const headers = { 'x-forwarded-for': '192.0.2.1', cookie: 'session=1' };
    for (const trustProxy of [1, ['10.0.0.0/8']]) {
      const { preflight, lines } = setup({ trustProxy, origins: 'same' });
      preflight.upgrade(headers);
      expect(lines).toEqual([]);
    }
  });

  it('does not write what a client wrote', () => {
    const { preflight, lines } = setup();
    preflight.upgrade({ 'x-forwarded-for': 'forged', cookie: 'forged' });
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain('forged');
  });

  it('warns of a gateway that compresses for each client, and names it', () => {
    const { preflight, lines } = setup();
    preflight.gateway('{/market}', {});
    expect(lines).toEqual([]);
    preflight.gateway('{:3001/market}', { perMessageDeflate: true });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('{:3001/market}');
  });
});
