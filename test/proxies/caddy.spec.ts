import { describe, expect, it } from 'vitest';
import { holdsBehind, PINGS_SELDOM } from './contract.js';
import { Configuration } from '../support/proxies/configuration.js';
import { chatter, connectTo, startBehind } from '../support/proxies/market.js';
import { caddy } from '../support/proxies/programs.js';

const configuration = Configuration.of('Caddy', 'caddyfile');

const LINE = 'reverse_proxy 127.0.0.1:3000';

/** The configuration with the only timeout that Caddy has for idle clients. */
const impatient = configuration.with(
  LINE,
  `${LINE} {\n    transport http {\n      read_timeout 2s\n    }\n  }`,
);

holdsBehind(caddy, configuration, { impatient, stopCode: 1001, downStatus: 502 });

describe('Caddy', () => {
  it('with `read_timeout` cuts a client that sends, and gets nothing', async () => {
    const { proxy } = await startBehind(caddy, impatient, PINGS_SELDOM);
    const client = await connectTo(proxy);
    chatter(client, 100);
    expect(await client.closed).toEqual({ code: 1006, reason: '' });
  });

  it('a reload closes its clients with 1001, or with the 1002 that Caddy 2.6.2 gets for its own close frame', async () => {
    const { proxy } = await startBehind(caddy, configuration);
    const client = await connectTo(proxy);
    await proxy.reload();
    expect([1001, 1002]).toContain((await client.closed).code);
    await connectTo(proxy);
  });

  it('a reload of Caddy 2.6.2 has its clients banned with `limits.banTime`', async () => {
    const { proxy } = await startBehind(caddy, configuration, { limits: { banTime: 60_000 } });
    const client = await connectTo(proxy);
    await proxy.reload();
    await client.closed;
    await expect(connectTo(proxy)).rejects.toThrow('429');
  });
});
