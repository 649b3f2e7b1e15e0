import { describe, expect, it } from 'vitest';
import { eventually } from '../support/client.js';
import { upgrade } from '../support/upgrade.js';
import { Configuration } from '../support/proxies/configuration.js';
import { connectTo, startMarket, startTwoBehind } from '../support/proxies/market.js';
import type { Program } from '../support/proxies/program.js';
import { apache, caddy, haproxy, nginx } from '../support/proxies/programs.js';

/** A configuration of the page with a block of "Several processes" in place of what that block replaces. */
function several(program: Program, language: string, replaced: RegExp): Configuration {
  const one = Configuration.of(program.name, language);
  const [text] = replaced.exec(one.text) ?? [];
  if (text === undefined) throw new Error(`no ${replaced} in:\n${one.text}`);
  return one.with(text, Configuration.of('Several processes', language).text);
}

const behindNginx = several(nginx, 'nginx', / {2}upstream app \{[^}]+\}\n/);
const behindHaproxy = several(haproxy, 'haproxy', /^backend app\n[^]+/m);
const behindCaddy = several(caddy, 'caddyfile', /^example\.com \{\n[^]+/m);
const behindApache = several(apache, 'apache', / {2}ProxyPass .+\n/);

const PROGRAMS = [
  { name: 'nginx', program: nginx, configuration: behindNginx },
  { name: 'HAProxy', program: haproxy, configuration: behindHaproxy },
  { name: 'Caddy', program: caddy, configuration: behindCaddy },
  { name: 'Apache', program: apache, configuration: behindApache },
];

/** Clients of the second process after six connected, those of the second process left, and three more came. */
async function afterReturn(program: Program, configuration: Configuration): Promise<number> {
  const { markets, proxy } = await startTwoBehind(program, configuration);
  const second = markets[1].connections;
  const clients = [];
  for (let i = 0; i < 6; i++) clients.push(await connectTo(proxy));
  expect(second.size).toBe(3);
  const ids = new Set(Array.from(second, ({ id }) => id));
  for (const client of clients) {
    const { data } = await client.request('id');
    if (ids.has(data.id)) await client.close();
  }
  await eventually(() => second.size === 0);
  for (let i = 0; i < 3; i++) await connectTo(proxy);
  return second.size;
}

describe('the process with the fewest clients', () => {
  it.each(PROGRAMS)('gets the next clients of $name', async ({ program, configuration }) => {
    expect(await afterReturn(program, configuration)).toBe(3);
  });

  it.each([
    ['nginx without `least_conn;`', nginx, behindNginx.without('least_conn;')],
    ['HAProxy without `balance leastconn`', haproxy, behindHaproxy.without('balance leastconn')],
    // What Caddy has by default is at random.
    [
      'Caddy with another `lb_policy`',
      caddy,
      behindCaddy.with('lb_policy least_conn', 'lb_policy round_robin'),
    ],
    ['Apache without `ProxySet`', apache, behindApache.without('ProxySet lbmethod=bybusyness')],
  ])('stays behind with %s', async (_, program, configuration) => {
    expect(await afterReturn(program, configuration)).toBeLessThan(3);
  });
});

describe('while one process restarts', () => {
  it.each(PROGRAMS)('clients of $name get the other', async ({ program, configuration }) => {
    const { markets, proxy } = await startTwoBehind(program, configuration);
    await markets[0].app.close();
    for (let i = 0; i < 4; i++) await connectTo(proxy);
    expect(markets[1].connections.size).toBe(4);
  });

  it.each([
    ['HAProxy without `option redispatch`', haproxy, behindHaproxy.without('option redispatch'), 503],
    ['Caddy without `lb_try_duration 5s`', caddy, behindCaddy.without('lb_try_duration 5s'), 502],
    ['Caddy without `fail_duration 2s`', caddy, behindCaddy.without('fail_duration 2s'), 502],
  ])('some clients are refused by %s', async (_, program, configuration, status) => {
    const { markets, proxy } = await startTwoBehind(program, configuration);
    await markets[0].app.close();
    const refused = async (): Promise<void> => {
      for (let i = 0; i < 4; i++) await connectTo(proxy);
    };
    await expect(refused()).rejects.toThrow(String(status));
  });
});

/** Status of the first upgrade after both processes have restarted, when upgrades were refused meanwhile. */
async function afterRestart(program: Program, configuration: Configuration): Promise<number> {
  const { markets, proxy } = await startTwoBehind(program, configuration);
  for (const { app } of markets) await app.close();
  const asked = [upgrade(`${proxy.url}/market`), upgrade(`${proxy.url}/market`)];
  for (const { status } of await Promise.all(asked)) expect(status).toBeGreaterThan(500);
  for (const { at } of markets) await startMarket({}, at);
  return (await upgrade(`${proxy.url}/market`)).status;
}

describe('after both processes have restarted', () => {
  it.each(PROGRAMS)('clients of $name get through', async ({ program, configuration }) => {
    expect(await afterRestart(program, configuration)).toBe(101);
  });

  it('clients are still refused by nginx without `max_fails=0`', async () => {
    expect(await afterRestart(nginx, behindNginx.withoutEach('max_fails=0'))).toBe(502);
  });
});

/** Clients of a process that was down when two came, and back when two more came. */
async function afterOneRestart(program: Program, configuration: Configuration): Promise<number> {
  const { markets, proxy } = await startTwoBehind(program, configuration);
  await markets[0].app.close();
  for (let i = 0; i < 2; i++) await connectTo(proxy);
  const back = await startMarket({}, markets[0].at);
  for (let i = 0; i < 2; i++) await connectTo(proxy);
  return back.connections.size;
}

describe('a process that has restarted', () => {
  it.each(PROGRAMS.filter(({ program }) => program !== caddy))(
    'gets clients of $name at once',
    async ({ program, configuration }) => {
      expect(await afterOneRestart(program, configuration)).toBeGreaterThan(0);
    },
  );

  it.each([
    ['nginx without `max_fails=0`', nginx, behindNginx.withoutEach('max_fails=0')],
    ['Caddy, for `fail_duration 2s`', caddy, behindCaddy.with('fail_duration 2s', 'fail_duration 1h')],
    ['Apache without `retry=0`', apache, behindApache.withoutEach('retry=0')],
  ])('gets no clients of %s', async (_, program, configuration) => {
    expect(await afterOneRestart(program, configuration)).toBe(0);
  });
});

describe('a process that is full', () => {
  it.each(PROGRAMS)('answers 503 behind $name, and stays in use', async ({ program, configuration }) => {
    const { markets, proxy } = await startTwoBehind(program, configuration, { limits: { connections: 1 } });
    const first = await connectTo(proxy);
    await connectTo(proxy);
    expect(markets.map(({ connections }) => connections.size)).toEqual([1, 1]);
    for (let i = 0; i < 4; i++) expect((await upgrade(`${proxy.url}/market`)).status).toBe(503);
    await first.close();
    await eventually(() => markets.some(({ connections }) => connections.size === 0));
    const statuses = [];
    for (let i = 0; i < 2; i++) statuses.push((await upgrade(`${proxy.url}/market`)).status);
    expect(statuses).toContain(101);
  });
});
