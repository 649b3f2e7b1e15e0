import { describe, expect, it } from 'vitest';
import { upgrade } from '../support/upgrade.js';
import { FORGED_HOST, holdsBehind, PINGS_SELDOM } from './contract.js';
import { Configuration } from '../support/proxies/configuration.js';
import {
  chatter,
  CLIENT,
  connectTo,
  startBehind,
  startMarket,
  startSilent,
} from '../support/proxies/market.js';
import { Proxy } from '../support/proxies/program.js';
import { nginx } from '../support/proxies/programs.js';

const configuration = Configuration.of('nginx', 'nginx');

holdsBehind(nginx, configuration, {
  impatient: configuration.with('proxy_read_timeout 60s', 'proxy_read_timeout 2s'),
  stopCode: 1006,
  downStatus: 502,
});

/** Status of an upgrade of a page of the host, with cookies. */
async function pageWithout(line: string): Promise<number> {
  const { proxy } = await startBehind(nginx, configuration.without(line));
  const { status } = await upgrade(`${proxy.url}/market`, { origin: proxy.origin, cookie: 'session=1' });
  return status;
}

describe('lines for nginx', () => {
  it('`proxy_http_version 1.1;` makes the upgrade a request of HTTP/1.1', async () => {
    for (const [given, version] of [
      [configuration, '1.1'],
      [configuration.without('proxy_http_version 1.1;'), '1.0'],
    ] as const) {
      const { gateway, proxy } = await startBehind(nginx, given);
      await connectTo(proxy);
      expect(gateway.requests.map(({ httpVersion }) => httpVersion)).toEqual([version]);
    }
  });

  it('without `proxy_set_header Upgrade $http_upgrade;` the upgrade is an ordinary request', async () => {
    expect(await pageWithout('proxy_set_header Upgrade $http_upgrade;')).toBe(404);
  });

  it('without `proxy_set_header Connection "upgrade";` the upgrade is an ordinary request', async () => {
    expect(await pageWithout('proxy_set_header Connection "upgrade";')).toBe(404);
  });

  it('`proxy_set_header Connection "upgrade";` leaves ordinary requests what they are', async () => {
    const { proxy } = await startBehind(nginx, configuration);
    const answer = await upgrade(`${proxy.url}/elsewhere`, { upgrade: '', connection: '' });
    expect(answer).toMatchObject({ status: 404, body: expect.stringContaining('Cannot GET /elsewhere') });
  });

  it('without `proxy_set_header Host $http_host;` a page with cookies is refused', async () => {
    expect(await pageWithout('proxy_set_header Host $http_host;')).toBe(403);
  });

  it('with `$host` a page of another port than 443 is refused', async () => {
    const { proxy } = await startBehind(nginx, configuration.with('$http_host', '$host'));
    const page = { origin: proxy.origin, cookie: 'session=1' };
    expect((await upgrade(`${proxy.url}/market`, page)).status).toBe(403);
  });

  it('without `proxy_set_header X-Forwarded-For $remote_addr;` a client is who it says it is', async () => {
    const line = 'proxy_set_header X-Forwarded-For $remote_addr;';
    const { connections, proxy } = await startBehind(nginx, configuration.without(line));
    await connectTo(proxy, { 'X-Forwarded-For': '203.0.113.9' });
    expect([...connections].map(({ handshake }) => handshake.ip)).toEqual(['203.0.113.9']);
  });

  it('`$proxy_add_x_forwarded_for` is as good as `$remote_addr`', async () => {
    const adding = configuration.with('$remote_addr', '$proxy_add_x_forwarded_for');
    const { connections, proxy } = await startBehind(nginx, adding);
    await connectTo(proxy, { 'X-Forwarded-For': '203.0.113.9' });
    expect([...connections].map(({ handshake }) => handshake.ip)).toEqual([CLIENT]);
  });

  it('without `proxy_set_header X-Forwarded-Proto $scheme;` a page with cookies is refused', async () => {
    expect(await pageWithout('proxy_set_header X-Forwarded-Proto $scheme;')).toBe(403);
  });

  it('without `proxy_set_header X-Forwarded-Host "";` a client may claim any host', async () => {
    const { proxy } = await startBehind(
      nginx,
      configuration.without('proxy_set_header X-Forwarded-Host "";'),
    );
    expect((await upgrade(`${proxy.url}/market`, FORGED_HOST)).status).toBe(101);
  });
});

describe('an application behind nginx without `trustProxy`', () => {
  it('sees the address of the proxy, and refuses pages with cookies', async () => {
    const { connections, proxy } = await startBehind(nginx, configuration, { trustProxy: 0 });
    await connectTo(proxy);
    expect([...connections].map(({ handshake }) => handshake.ip)).toEqual(['127.0.0.1']);
    const page = { origin: proxy.origin, cookie: 'session=1' };
    expect((await upgrade(`${proxy.url}/market`, page)).status).toBe(403);
  });

  it('with the number 1 believes the same as with the address of the proxy', async () => {
    const { connections, proxy } = await startBehind(nginx, configuration, { trustProxy: 1 });
    await connectTo(proxy, { Origin: proxy.origin, Cookie: 'session=1', 'X-Forwarded-For': '203.0.113.9' });
    expect([...connections].map(({ handshake }) => handshake.ip)).toEqual([CLIENT]);
  });
});

describe('limits and timeouts of nginx', () => {
  it('`proxy_read_timeout 60s;` answers 504 for an application that does not answer', async () => {
    const short = configuration.with('proxy_read_timeout 60s', 'proxy_read_timeout 1s');
    const proxy = await Proxy.start(nginx, short, { apps: [await startSilent()] });
    expect((await upgrade(`${proxy.url}/market`)).status).toBe(504);
  });

  it('`proxy_read_timeout 60s;` counts what comes from the client too', async () => {
    const { proxy } = await startBehind(
      nginx,
      configuration.with('proxy_read_timeout 60s', 'proxy_read_timeout 2s'),
      PINGS_SELDOM,
    );
    const [idle, talking] = [await connectTo(proxy), await connectTo(proxy)];
    chatter(talking, 100);
    expect(await idle.closed).toEqual({ code: 1006, reason: '' });
    expect((await talking.request('length', { text: 'still here' })).data).toEqual({ length: 10 });
  });

  it('`proxy_send_timeout 60s;` cuts a client whose messages wait in the application for longer', async () => {
    const { proxy } = await startBehind(
      nginx,
      configuration.with('proxy_send_timeout 60s', 'proxy_send_timeout 1s'),
      { limits: { payload: 200_000, messagesPerSecond: 0, bytesPerSecond: 0 }, shutdown: { drain: 100 } },
    );
    const client = await connectTo(proxy);
    // More than what waits in the application, in the kernel and in nginx.
    for (let i = 0; i < 200; i++) client.send({ event: 'hang', data: '.'.repeat(100_000) });
    expect(await client.closed).toEqual({ code: 1006, reason: '' });
    expect(proxy.output).toContain('upstream timed out');
  });

  it('`worker_connections 10000;` counts two for each client', async () => {
    const few = configuration.with('worker_connections 10000', 'worker_connections 11');
    const { proxy } = await startBehind(nginx, few);
    // One is for listening, and two are free again after the start.
    const answers = await Promise.allSettled(Array.from({ length: 7 }, () => connectTo(proxy)));
    const connected = answers.filter(({ status }) => status === 'fulfilled');
    expect(connected.length).toBeGreaterThan(0);
    expect(connected.length).toBeLessThanOrEqual(5);
    expect(proxy.output).toContain('worker_connections are not enough');
  });

  it('without `worker_rlimit_nofile 10500;` the open files of the service are the limit', async () => {
    const line = 'worker_rlimit_nofile 10500;';
    const many = { length: 20 };
    const limited = await startBehind(nginx, configuration.without(line), {}, { openFiles: 32 });
    const answers = await Promise.allSettled(Array.from(many, () => connectTo(limited.proxy)));
    expect(answers.some(({ status }) => status === 'rejected')).toBe(true);
    expect(limited.proxy.output).toContain('Too many open files');
    const raised = await startBehind(nginx, configuration, {}, { openFiles: 32 });
    await Promise.all(Array.from(many, () => connectTo(raised.proxy)));
  });

  it('without `max_fails=0` a server of one address is back at once after a restart', async () => {
    const { app, at, proxy } = await startBehind(nginx, configuration.without(' max_fails=0'));
    await app.close();
    for (let i = 0; i < 2; i++) expect((await upgrade(`${proxy.url}/market`)).status).toBe(502);
    await startMarket({}, at);
    expect((await upgrade(`${proxy.url}/market`)).status).toBe(101);
  });
});

describe('a reload of nginx', () => {
  it('keeps its clients', async () => {
    const { broadcaster, proxy } = await startBehind(nginx, configuration);
    const client = await connectTo(proxy);
    await client.subscribe('prices');
    await proxy.reload();
    broadcaster.publish('prices', { price: 1 });
    await client.next(frame => frame.topic === 'prices');
    await connectTo(proxy);
  });

  it('cuts its clients after `worker_shutdown_timeout`', async () => {
    const line = 'worker_rlimit_nofile 10500;';
    const bounded = configuration.with(line, `${line}\nworker_shutdown_timeout 1s;`);
    const { proxy } = await startBehind(nginx, bounded);
    const client = await connectTo(proxy);
    await proxy.reload();
    expect(await client.closed).toEqual({ code: 1006, reason: '' });
  });
});
