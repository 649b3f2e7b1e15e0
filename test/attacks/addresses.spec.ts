import { WebSocketGateway } from '@nestjs/websockets';
import { Connections, FanoutMetrics, type FanoutOptions } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { upgradeStatus } from '../support/attacks/raw-request.js';
import { startFanout } from '../support/attacks/servers.js';

@WebSocketGateway()
class Gateway {}

async function start(trustProxy?: FanoutOptions['trustProxy'], limits: FanoutOptions['limits'] = {}) {
  const { url, get } = await startFanout({ providers: [Gateway], options: { trustProxy, limits } });
  const forwarded = (text: string | readonly string[]) =>
    upgradeStatus(url, '/', { 'X-Forwarded-For': text });
  /** The address that the server takes a client for. */
  const addressOf = async (text: string | readonly string[]): Promise<string> => {
    expect(await forwarded(text)).toBe(101);
    return [...get(Connections)].at(-1)!.handshake.ip;
  };
  return { url, get, forwarded, addressOf };
}

const PEER = '127.0.0.1';

/** What a client may claim. */
const CLAIMS = [
  '1.2.3.4',
  '::1',
  '10.0.0.1, 1.2.3.4',
  'unknown',
  '',
  ',',
  '__proto__',
  '1.2.3.4:80',
  '[::1]:80',
  '999.1.1.1',
];

describe('A42 a client that says it is somebody else', () => {
  it('is not believed without trustProxy', async () => {
    const { url, get, addressOf } = await start();
    for (const claim of CLAIMS) expect(await addressOf(claim), claim).toBe(PEER);
    const headers = ['Forwarded', 'X-Real-IP', 'X-Client-IP', 'CF-Connecting-IP', 'True-Client-IP'];
    for (const header of headers) {
      await upgradeStatus(url, '/', { [header]: header === 'Forwarded' ? 'for=1.2.3.4' : '1.2.3.4' });
      expect([...get(Connections)].at(-1)!.handshake.ip).toBe(PEER);
    }
  });

  it('has the limits of its own address, whatever it says', async () => {
    const { forwarded, get } = await start(0, { connectionsPerIp: 3 });
    const statuses: unknown[] = [];
    for (let i = 0; i < 10; i++) statuses.push(await forwarded(`1.2.3.${i}`));
    expect(statuses).toEqual([101, 101, 101, ...Array(7).fill(429)]);
    expect(get(FanoutMetrics).rejected['connections-per-ip']).toBe(7);
  });

  it('is what the proxy says that is in front, and nothing left of that', async () => {
    const { addressOf } = await start(1);
    expect(await addressOf('1.2.3.4')).toBe('1.2.3.4');
    expect(await addressOf('9.9.9.9, 1.2.3.4')).toBe('1.2.3.4');
    expect(await addressOf(['9.9.9.9', '1.2.3.4'])).toBe('1.2.3.4');
    expect(await addressOf('127.0.0.1, 10.0.0.1,::1 , 1.2.3.4')).toBe('1.2.3.4');
    expect(await addressOf(`${'9.9.9.9,'.repeat(1000)}1.2.3.4`)).toBe('1.2.3.4');
    expect(await addressOf('9.9.9.9, nobody')).toBe(PEER);
  });

  it('is the first from the right that is no proxy of ours, with a list', async () => {
    const { addressOf } = await start(['127.0.0.0/8', '10.0.0.0/8', '::1']);
    expect(await addressOf('1.2.3.4')).toBe('1.2.3.4');
    expect(await addressOf('9.9.9.9, 1.2.3.4, 10.1.2.3')).toBe('1.2.3.4');
    expect(await addressOf('10.9.9.9, 1.2.3.4, ::1, ::ffff:10.1.2.3')).toBe('1.2.3.4');
    expect(await addressOf('10.9.9.9, 11.0.0.1')).toBe('11.0.0.1');
  });

  it('is not believed when it goes around the proxies of the list', async () => {
    const { addressOf } = await start(['10.0.0.0/8']);
    for (const claim of CLAIMS) expect(await addressOf(claim), claim).toBe(PEER);
  });

  it('is one, in however many ways it can write its address, and in its whole network of IPv6', async () => {
    const { forwarded } = await start(1, { connectionsPerIp: 2 });
    const same = [
      '2001:db8:0:1::1',
      '2001:DB8:0:1::1',
      '2001:db8:0:1:ffff::2',
      '2001:0db8:0000:0001:0:0:0:1',
    ];
    const statuses = [];
    for (const address of [...same, '[2001:db8:0:1::9]:443']) statuses.push(await forwarded(address));
    expect(statuses).toEqual([101, 101, 429, 429, 429]);
    expect(await forwarded('2001:db8:0:2::1')).toBe(101);
    const mapped = [];
    for (const address of ['1.2.3.4', '::ffff:1.2.3.4', '::ffff:102:304'])
      mapped.push(await forwarded(address));
    expect(mapped).toEqual([101, 101, 429]);
    expect(await forwarded('1.2.3.5')).toBe(101);
  });
});
