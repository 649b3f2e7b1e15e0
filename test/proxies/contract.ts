import type { FanoutOptions } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/client.js';
import { upgrade } from '../support/upgrade.js';
import type { Configuration } from '../support/proxies/configuration.js';
import { CLIENT, connectTo, pinged, startBehind, startMarket } from '../support/proxies/market.js';
import type { Program } from '../support/proxies/program.js';

/** Options for a proxy that cuts what is idle for two seconds. */
const PINGS_OFTEN: FanoutOptions = { heartbeat: { interval: 500, timeout: 10_000 } };

/** Options with which an idle client hears nothing for longer than a test takes. */
export const PINGS_SELDOM: FanoutOptions = { heartbeat: { interval: 60_000, timeout: 120_000 } };

/** More than two seconds of pings. */
const PINGS = 6;

/** What differs between proxies. */
export interface Differences {
  /** The configuration with every timeout for idle connections at two seconds. */
  readonly impatient: Configuration;
  /** Close code that clients get when the proxy ends. */
  readonly stopCode: number;
  /** Status of an upgrade while no application listens. */
  readonly downStatus: number;
}

/** Tests of what holds behind every proxy that has its configuration from the page. */
export function holdsBehind(program: Program, configuration: Configuration, differences: Differences): void {
  describe(`behind ${program.name}`, () => {
    it('a client connects and gets publications', async () => {
      const { broadcaster, proxy } = await startBehind(program, configuration);
      const client = await connectTo(proxy);
      await client.subscribe('prices');
      broadcaster.publish('prices', { price: 1 });
      expect((await client.next(frame => frame.topic === 'prices')).data).toEqual({ price: 1 });
    });

    it('the address of a client is known, and a forged X-Forwarded-For is not believed', async () => {
      const { connections, proxy } = await startBehind(program, configuration);
      await connectTo(proxy, { 'X-Forwarded-For': '203.0.113.9' });
      expect([...connections].map(({ handshake }) => handshake.ip)).toEqual([CLIENT]);
    });

    it('a page of the host connects with cookies, and a page of another host or scheme does not', async () => {
      const { proxy } = await startBehind(program, configuration);
      await connectTo(proxy, { Origin: proxy.origin, Cookie: 'session=1' });
      for (const origin of ['https://evil.example', proxy.origin.replace('https', 'http')])
        expect((await upgrade(`${proxy.url}/market`, { origin, cookie: 'session=1' })).status).toBe(403);
    });

    it('a client cannot claim another host with X-Forwarded-Host', async () => {
      const { proxy } = await startBehind(program, configuration);
      expect((await upgrade(`${proxy.url}/market`, FORGED_HOST)).status).toBe(403);
    });

    it('a message of 900 kB passes unharmed in both directions', async () => {
      const { broadcaster, proxy } = await startBehind(program, configuration, {
        limits: { payload: 1_000_000 },
      });
      const client = await connectTo(proxy);
      const text = Array.from({ length: 100_000 }, (_, i) => String(i).padStart(9, '.')).join('');
      await client.subscribe('prices');
      broadcaster.publish('prices', { text });
      const { data } = await client.next(frame => frame.topic === 'prices');
      expect(data.text === text).toBe(true);
      expect((await client.request('length', { text })).data).toEqual({ length: 900_000 });
    });

    closes(program, configuration, differences);
    idles(program, differences);
  });
}

/** A page of another host that says it is of that host. */
export const FORGED_HOST = {
  origin: 'https://evil.example',
  cookie: 'session=1',
  'x-forwarded-host': 'evil.example',
};

function closes(program: Program, configuration: Configuration, { stopCode, downStatus }: Differences): void {
  it('a close code and its reason reach the client', async () => {
    const { broadcaster, proxy } = await startBehind(program, configuration);
    const client = await connectTo(proxy);
    const { data } = await client.request('id');
    await broadcaster.disconnect({ connection: data.id }, { code: 4321, reason: 'go away' });
    expect(await client.closed).toEqual({ code: 4321, reason: 'go away' });
  });

  it('app.close() closes clients with 1012', async () => {
    const { app, proxy } = await startBehind(program, configuration);
    const client = await connectTo(proxy);
    await app.close();
    const reason = expect.stringMatching(/retry-after=\d+$/);
    expect(await client.closed).toEqual({ code: 1012, reason });
  });

  it('503 reaches the client with Retry-After, and the next upgrade is let in', async () => {
    const { connections, proxy } = await startBehind(program, configuration, { limits: { connections: 1 } });
    const first = await connectTo(proxy);
    const headers = { 'retry-after': expect.stringMatching(/^\d+$/) };
    for (let i = 0; i < 3; i++)
      expect(await upgrade(`${proxy.url}/market`)).toMatchObject({ status: 503, headers });
    await first.close();
    await eventually(() => connections.size === 0);
    await connectTo(proxy);
  });

  it('503 of an application that closes reaches the client with Retry-After', async () => {
    const { app, gateway, proxy } = await startBehind(program, configuration, { shutdown: { drain: 8000 } });
    const client = await connectTo(proxy);
    // The application waits for a handler before it closes clients.
    client.send({ event: 'hang' });
    await eventually(() => gateway.hanging === 1);
    const closing = app.close();
    const answers = [];
    do answers.push(await upgrade(`${proxy.url}/market`));
    while (answers.at(-1)!.status === 101);
    const headers = { 'retry-after': expect.stringMatching(/^\d+$/) };
    expect(answers.at(-1)).toMatchObject({ status: 503, headers });
    gateway.release();
    await closing;
  });

  it('a client connects at once after a restart of the application', async () => {
    const { app, at, proxy } = await startBehind(program, configuration);
    await app.close();
    const answers = await Promise.all([upgrade(`${proxy.url}/market`), upgrade(`${proxy.url}/market`)]);
    for (const { status, headers } of answers)
      expect([status, headers['retry-after']]).toEqual([downStatus, undefined]);
    await startMarket({}, at);
    await connectTo(proxy);
  });

  it('a proxy that stops closes its clients', async () => {
    const { proxy } = await startBehind(program, configuration);
    const client = await connectTo(proxy);
    proxy.terminate();
    expect((await client.closed).code).toBe(stopCode);
  });
}

function idles(program: Program, { impatient }: Differences): void {
  it('pings keep an idle client for longer than the timeout of the proxy', async () => {
    const { proxy } = await startBehind(program, impatient, PINGS_OFTEN);
    const client = await connectTo(proxy);
    await pinged(client, PINGS);
    expect((await client.request('length', { text: 'still here' })).data).toEqual({ length: 10 });
  });

  it('an idle client is cut when the timeout of the proxy is below heartbeat.interval', async () => {
    const { proxy } = await startBehind(program, impatient, PINGS_SELDOM);
    const client = await connectTo(proxy);
    expect(await client.closed).toEqual({ code: 1006, reason: '' });
  });
}
