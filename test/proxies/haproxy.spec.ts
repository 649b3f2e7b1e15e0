import { once } from 'node:events';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { upgrade } from '../support/upgrade.js';
import { FORGED_HOST, holdsBehind, PINGS_SELDOM } from './contract.js';
import { Configuration } from '../support/proxies/configuration.js';
import { connectTo, startBehind, startMarket, startSilent } from '../support/proxies/market.js';
import { Proxy } from '../support/proxies/program.js';
import { haproxy } from '../support/proxies/programs.js';

const configuration = Configuration.of('HAProxy', 'haproxy');

holdsBehind(haproxy, configuration, {
  impatient: configuration.with('timeout tunnel 60s', 'timeout tunnel 2s'),
  stopCode: 1006,
  downStatus: 503,
});

describe('lines for HAProxy', () => {
  it.each(['timeout client 30s', 'timeout server 30s'])(
    'without `timeout tunnel 60s` an idle client is cut after `%s`',
    async line => {
      const short = configuration.without('timeout tunnel 60s').with(line, line.replace('30s', '2s'));
      const { proxy } = await startBehind(haproxy, short, PINGS_SELDOM);
      expect(await (await connectTo(proxy)).closed).toEqual({ code: 1006, reason: '' });
    },
  );

  it.each(['timeout connect 5s', 'timeout client 30s', 'timeout server 30s'])(
    'without `%s` HAProxy warns at start',
    async line => {
      const { proxy } = await startBehind(haproxy, configuration.without(line));
      expect(proxy.output).toContain('missing timeouts for');
    },
  );

  it('`timeout client 30s` ends a client that sends no request', async () => {
    const { proxy } = await startBehind(
      haproxy,
      configuration.with('timeout client 30s', 'timeout client 1s'),
    );
    const { hostname: host, port } = new URL(proxy.url);
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false });
    await once(socket.resume(), 'end');
  });

  it('`timeout server 30s` answers 504 for an application that does not answer', async () => {
    const short = configuration.with('timeout server 30s', 'timeout server 1s');
    const proxy = await Proxy.start(haproxy, short, { apps: [await startSilent()] });
    expect((await upgrade(`${proxy.url}/market`)).status).toBe(504);
  });

  it('without `option forwardfor` a client is who it says it is', async () => {
    const { connections, proxy } = await startBehind(haproxy, configuration.without('option forwardfor'));
    await connectTo(proxy, { 'X-Forwarded-For': '203.0.113.9' });
    expect([...connections].map(({ handshake }) => handshake.ip)).toEqual(['203.0.113.9']);
  });

  it('without `http-request set-header X-Forwarded-Proto https` a page with cookies is refused', async () => {
    const line = 'http-request set-header X-Forwarded-Proto https';
    const { proxy } = await startBehind(haproxy, configuration.without(line));
    const page = { origin: proxy.origin, cookie: 'session=1' };
    expect((await upgrade(`${proxy.url}/market`, page)).status).toBe(403);
  });

  it('without `http-request del-header X-Forwarded-Host` a client may claim any host', async () => {
    const line = 'http-request del-header X-Forwarded-Host';
    const { proxy } = await startBehind(haproxy, configuration.without(line));
    expect((await upgrade(`${proxy.url}/market`, FORGED_HOST)).status).toBe(101);
  });

  it('above `maxconn 9000` a client waits until another one has left', async () => {
    const { connections, proxy } = await startBehind(
      haproxy,
      configuration.with('maxconn 9000', 'maxconn 2'),
    );
    const first = await connectTo(proxy);
    await connectTo(proxy);
    const seen: number[] = [];
    const third = connectTo(proxy).then(() => seen.push(connections.size));
    // Answers of the first client take as long as a handshake.
    for (let i = 0; i < 50; i++) await first.request('id');
    expect([connections.size, seen]).toEqual([2, []]);
    await first.close();
    await third;
  });

  it.each(['option http-server-close', 'option httpclose'])('works with `%s` too', async option => {
    const { proxy } = await startBehind(haproxy, configuration.with('mode http', `mode http\n  ${option}`));
    expect((await (await connectTo(proxy)).request('length', { text: '.' })).data).toEqual({ length: 1 });
  });

  it('with `check` an application that restarts is out until two checks have passed', async () => {
    const line = 'server app1 127.0.0.1:3000';
    const checked = configuration.with(
      line,
      `${line} check inter 300ms fastinter 300ms downinter 60s fall 1`,
    );
    const { app, at, proxy } = await startBehind(haproxy, checked);
    await app.close();
    await proxy.says('has no server available');
    await startMarket({}, at);
    expect((await upgrade(`${proxy.url}/market`)).status).toBe(503);
  });
});

describe('a reload of HAProxy', () => {
  it('keeps its clients', async () => {
    const { broadcaster, proxy } = await startBehind(haproxy, configuration);
    const client = await connectTo(proxy);
    await client.subscribe('prices');
    await proxy.reload();
    broadcaster.publish('prices', { price: 1 });
    await client.next(frame => frame.topic === 'prices');
    await connectTo(proxy);
  });

  it('cuts its clients after `hard-stop-after`', async () => {
    const bounded = configuration.with('maxconn 9000', 'maxconn 9000\n  hard-stop-after 1s');
    const { proxy } = await startBehind(haproxy, bounded);
    const client = await connectTo(proxy);
    await proxy.reload();
    expect(await client.closed).toEqual({ code: 1006, reason: '' });
  });
});
