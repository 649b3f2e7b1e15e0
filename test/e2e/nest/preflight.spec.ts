import { readFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { freePort } from '../../support/free-port.js';

@WebSocketGateway({ path: '/market' })
class Market {}

@WebSocketGateway({ path: '/takeover', perMessageDeflate: { threshold: 0 } })
class Takeover {}

@WebSocketGateway(await freePort(), { path: '/own' })
class OwnPort {}

function warnings(): string[] {
  const lines: string[] = [];
  const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(line => void lines.push(String(line)));
  onTestFinished(() => warn.mockRestore());
  return lines;
}

const MANY = { limits: { connections: 2 ** 40 } };

describe('an application with a gateway', () => {
  it.runIf(process.platform === 'linux')('is warned at start of what will not hold', async () => {
    const lines = warnings();
    await startApp({ options: MANY, providers: [Market, Takeover] });
    expect(lines.filter(line => line.includes('limits.connections (1099511627776)'))).toHaveLength(1);
    expect(lines.filter(line => line.includes('perMessageDeflate of the gateways {/takeover}'))).toHaveLength(
      1,
    );
    expect(lines.some(line => line.includes('{/market}'))).toBe(false);
  });

  it.runIf(process.platform === 'linux')('of its own port, is warned of a short queue for it', async () => {
    const somaxconn = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
    const lines = warnings();
    await startApp({ options: { limits: { connections: 1 } }, providers: [OwnPort] });
    // What the system gives to the tests differs.
    expect(lines.filter(line => line.includes('listen backlog of 4096'))).toHaveLength(
      somaxconn < 4096 ? 1 : 0,
    );
  });

  it('is told at the first upgrade that there is a proxy, and that there are cookies', async () => {
    const lines = warnings();
    const { url } = await startApp({ providers: [Market] });
    lines.length = 0;
    const headers = { 'X-Forwarded-For': '192.0.2.1', Cookie: 'session=1' };
    await (await Client.connect(`${url}/market`, [], { headers })).close();
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('"trustProxy"');
    expect(lines[1]).toContain('"origins"');
    await (await Client.connect(`${url}/market`, [], { headers })).close();
    expect(lines).toHaveLength(2);
  });
});

it('an application without gateways is told nothing', async () => {
  const lines = warnings();
  await startApp({ options: MANY });
  expect(lines).toEqual([]);
});
