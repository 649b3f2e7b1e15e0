import { WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, Connections, FanoutMetrics, type FanoutOptions } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client } from '../support/client.js';
import { upgradeStatus } from '../support/attacks/raw-request.js';
import { startFanout, startPlain } from '../support/attacks/servers.js';

@WebSocketGateway()
class Gateway {}

async function start(options: FanoutOptions = {}) {
  return startFanout({ providers: [Gateway], options });
}

const COOKIE = { Cookie: 'session=of-the-victim' };
const HOST = { Host: 'app.example.com' };

/** Origins that look like `https://app.example.com`, and are not. */
const LOOKALIKES = [
  'https://app.example.com.evil.example',
  'https://evilapp.example.com',
  'https://evil-app.example.com',
  'https://app-example.com',
  'https://appxexample.com',
  'https://example.com',
  'https://sub.app.example.com',
  'https://app.example.com:8443',
  'https://app.example.com:80',
  'http://app.example.com',
  'http://app.example.com:443',
  'wss://app.example.com',
  'https://app.example.com@evil.example',
  'https://evil.example/https://app.example.com',
  'https://evil.example?https://app.example.com',
  'https://evil.example#https://app.example.com',
  'https://evil.example\\@app.example.com',
  'https://app.example.com%00.evil.example',
  'https://app.example.com%2eevil.example',
  'https://app.example.com.',
  'https://app.example.com, https://evil.example',
  'https://app.example.com https://evil.example',
  'app.example.com',
  '//app.example.com',
  '*',
  'null',
  'file://',
  'chrome-extension://app.example.com',
  '__proto__',
  '',
];

describe('A20, A41 a page of another origin, in a browser with the cookies of its victim', () => {
  const attack = (url: string) =>
    upgradeStatus(url, '/', { ...HOST, ...COOKIE, Origin: 'https://evil.example' });

  it('control: is let in by WsAdapter', async () => {
    expect(await attack((await startPlain({ providers: [Gateway] })).url)).toBe(101);
  });

  it('is answered 403, without any option', async () => {
    const { url, get } = await start();
    expect(await attack(url)).toBe(403);
    expect(get(Connections).size).toBe(0);
    expect(get(FanoutMetrics).rejected.origin).toBe(1);
  });

  it('is told by a close code that it can read, if it offers our subprotocol', async () => {
    const { url, get } = await start();
    const headers = { ...COOKIE, Origin: 'https://evil.example' };
    const client = await Client.connect(url, ['fanout.v1.json'], { headers });
    client.send({ event: 'ping' });
    expect(await client.closed).toEqual(CLOSE.FORBIDDEN);
    expect(client.frames).toEqual([]);
    expect(get(Connections).size).toBe(0);
  });

  it('is answered 403, when the browser adds what its user has typed into its dialog', async () => {
    const { url } = await start();
    const headers = { ...HOST, Authorization: 'Basic dTpw', Origin: 'https://evil.example' };
    expect(await upgradeStatus(url, '/', headers)).toBe(403);
    expect(await upgradeStatus(url, '/', { ...headers, Origin: 'http://app.example.com' })).toBe(101);
  });

  it('is let in without cookies, since it can do nothing in the name of anybody', async () => {
    const { url } = await start();
    expect(await upgradeStatus(url, '/', { Origin: 'https://evil.example' })).toBe(101);
  });
});

describe('A20 the policy same', () => {
  it('admits the origin of the host, with its scheme and port, and no other', async () => {
    const { url } = await start({ origins: 'same' });
    const status = (Host: string, Origin: string | undefined) => upgradeStatus(url, '/', { Host, Origin });
    expect(await status('app.example.com', 'http://app.example.com')).toBe(101);
    expect(await status('app.example.com:8080', 'http://app.example.com:8080')).toBe(101);
    for (const origin of LOOKALIKES.filter(
      other => other !== 'http://app.example.com' && other !== 'https://app.example.com:80',
    )) {
      expect(await status('app.example.com', origin), origin).toBe(403);
    }
    expect(await status('app.example.com', 'http://app.example.com:8080')).toBe(403);
    expect(await status('app.example.com:8080', 'http://app.example.com')).toBe(403);
    expect(await status('app.example.com', 'https://app.example.com')).toBe(403);
  });

  it('is not deceived by what a page makes a client say of the host', async () => {
    const { url } = await start({ origins: 'same' });
    const said = {
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'https',
      Forwarded: 'host=evil.example',
    };
    for (const Origin of ['https://evil.example', 'http://evil.example']) {
      expect(await upgradeStatus(url, '/', { ...HOST, ...said, Origin })).toBe(403);
    }
  });
});

describe('A20 a list of origins', () => {
  const origins = ['https://app.example.com', 'http://localhost:3000'];

  it('admits those in it, and none that look like them', async () => {
    const { url } = await start({ origins });
    for (const Origin of origins) expect(await upgradeStatus(url, '/', { Origin })).toBe(101);
    for (const Origin of LOOKALIKES) {
      for (const cookie of [{}, COOKIE])
        expect(await upgradeStatus(url, '/', { Origin, ...cookie }), Origin).toBe(403);
    }
    const twice = { Origin: ['https://app.example.com', 'https://evil.example'] };
    expect(await upgradeStatus(url, '/', twice)).toBe(403);
    // The host is not asked.
    expect(await upgradeStatus(url, '/', { Host: 'evil.example', Origin: 'https://evil.example' })).toBe(403);
  });

  it('admits who has no origin, which is no browser, and `null` only if it is in the list', async () => {
    const strict = await start({ origins });
    expect(await upgradeStatus(strict.url, '/', { ...COOKIE, Origin: undefined })).toBe(101);
    const open = await start({ origins: ['null'] });
    expect(await upgradeStatus(open.url, '/', { Origin: 'null' })).toBe(101);
    expect(await upgradeStatus(open.url, '/', { Origin: 'https://app.example.com' })).toBe(403);
  });
});

describe('A20 a function', () => {
  const failing: Record<string, () => boolean | Promise<boolean>> = {
    'says no': () => false,
    'says no later': async () => false,
    throws: () => {
      throw new Error('of the policy');
    },
    rejects: () => Promise.reject(new Error('of the policy')),
    'says something else': () => 'yes' as never,
  };

  it.each(Object.entries(failing))('that %s lets nobody in', async (_, origins) => {
    const { url, get } = await start({ origins });
    for (const Origin of ['https://app.example.com', undefined]) {
      const status = await upgradeStatus(url, '/', { ...HOST, Origin });
      expect(status).toBeGreaterThanOrEqual(403);
    }
    expect(get(Connections).size).toBe(0);
  });
});
