import { describe, expect, it } from 'vitest';
import { upgrade } from '../support/upgrade.js';
import { FORGED_HOST, holdsBehind, PINGS_SELDOM } from './contract.js';
import { Configuration } from '../support/proxies/configuration.js';
import { connectTo, startBehind, startSilent } from '../support/proxies/market.js';
import { Proxy } from '../support/proxies/program.js';
import { apache } from '../support/proxies/programs.js';

const configuration = Configuration.of('Apache', 'apache');

/** The configuration with the two timeouts that Apache has for idle clients, in seconds. */
function withTimeouts(timeout: number, proxyTimeout: number): Configuration {
  return configuration.with('<Virtual', `Timeout ${timeout}\nProxyTimeout ${proxyTimeout}\n\n<Virtual`);
}

holdsBehind(apache, configuration, {
  impatient: withTimeouts(2, 2),
  stopCode: 1006,
  downStatus: 503,
});

describe('lines for Apache', () => {
  it('without `upgrade=websocket` the upgrade is an ordinary request', async () => {
    const { proxy } = await startBehind(apache, configuration.without(' upgrade=websocket'));
    expect((await upgrade(`${proxy.url}/market`)).status).toBe(404);
  });

  it('without `RequestHeader unset X-Forwarded-Host` a client may claim any host', async () => {
    const { proxy } = await startBehind(
      apache,
      configuration.without('RequestHeader unset X-Forwarded-Host'),
    );
    expect((await upgrade(`${proxy.url}/market`, FORGED_HOST)).status).toBe(101);
  });

  it('without `RequestHeader set X-Forwarded-Proto https` a page with cookies is refused', async () => {
    const line = 'RequestHeader set X-Forwarded-Proto https';
    const { proxy } = await startBehind(apache, configuration.without(line));
    const page = { origin: proxy.origin, cookie: 'session=1' };
    expect((await upgrade(`${proxy.url}/market`, page)).status).toBe(403);
  });

  it('without `ThreadsPerChild 64` Apache allows 400 clients', async () => {
    const { proxy } = await startBehind(apache, configuration.without('ThreadsPerChild 64'));
    expect(proxy.output).toMatch(/MaxRequestWorkers[^]+to 400/);
  });

  it('each client takes one of `MaxRequestWorkers 1024`', async () => {
    const few = configuration
      .with('ThreadsPerChild 64', 'ThreadsPerChild 2')
      .with('MaxRequestWorkers 1024', 'MaxRequestWorkers 2');
    const { connections, proxy } = await startBehind(apache, few);
    const first = await connectTo(proxy);
    await connectTo(proxy);
    const third = connectTo(proxy);
    // Answers of the first client take as long as a handshake.
    for (let i = 0; i < 50; i++) await first.request('id');
    expect(connections.size).toBe(2);
    await first.close();
    await third;
  });
});

describe('timeouts of Apache', () => {
  it('answer 502 for an application that does not answer', async () => {
    const proxy = await Proxy.start(apache, withTimeouts(1, 1), { apps: [await startSilent()] });
    expect((await upgrade(`${proxy.url}/market`)).status).toBe(502);
  });

  it.each([
    [3, 1],
    [1, 3],
  ])('the longer one of `Timeout` %i and `ProxyTimeout` %i counts', async (timeout, proxyTimeout) => {
    const { proxy } = await startBehind(apache, withTimeouts(timeout, proxyTimeout), PINGS_SELDOM);
    const client = await connectTo(proxy);
    const start = performance.now();
    await client.closed;
    expect(performance.now() - start).toBeGreaterThan(2000);
  });
});

describe('a reload of Apache', () => {
  it('keeps its clients', async () => {
    const { broadcaster, proxy } = await startBehind(apache, configuration);
    const client = await connectTo(proxy);
    await client.subscribe('prices');
    await proxy.reload();
    broadcaster.publish('prices', { price: 1 });
    await client.next(frame => frame.topic === 'prices');
    await connectTo(proxy);
  });
});
