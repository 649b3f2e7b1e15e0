import { expect, it } from 'vitest';
import { Client } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';
import { exitingProcesses } from '../../support/exiting-process.js';
import { RawClient } from '../../support/raw-client.js';
import { Trickle } from '../../support/trickle.js';

const startProcess = exitingProcesses();

it('a process ends by itself after app.close(), with clients, a source and a history', async () => {
  const { url, close, end } = await startProcess(5000);
  const client = await Client.connect(url);
  await client.subscribe('clock');
  await client.subscribe('log');
  await client.until(() => client.publications('clock').length > 3);
  close();
  expect((await client.closed).code).toBe(1012);
  expect(client.publications('log').map(({ data }) => data)).toEqual(['last']);
  const { code, afterMs } = await end();
  expect(code).toBe(0);
  expect(afterMs).toBeLessThan(500);
});

it('a process ends by itself also when a client neither reads nor answers the close', async () => {
  const { url, close, end } = await startProcess(300);
  const rude = await RawClient.connect(url);
  await rude.subscribe('clock');
  rude.socket.pause();
  close();
  const { code, afterMs } = await end();
  expect(code).toBe(0);
  expect(afterMs).toBeLessThan(500);
});

it('a process that is killed leaves nothing: its clients see 1006, and the next one recovers nothing', async () => {
  const [dying, next] = [await startProcess(300), await startProcess(300)];
  const client = await Client.connect(dying.url);
  const { position } = (await client.subscribe('log')).data;
  dying.kill();
  expect((await client.closed).code).toBe(1006);
  const back = await Client.connect(next.url);
  const { data } = await back.subscribe('log', position);
  expect(data.recovered).toBe(false);
  // As far as the other, and yet another topic.
  const [[, offset], [, before]] = [data.position.split(':'), position.split(':')];
  expect([offset, before]).toEqual(['1', '1']);
  expect(data.position).not.toBe(position);
});

it.each([
  ['express', 'close'],
  ['express', 'terminate'],
  ['fastify', 'close'],
  ['fastify', 'terminate'],
] as const)(
  'a process ends within shutdown.drain while upgrades trickle in, on %s by %s()',
  async (platform, how) => {
    const drain = 5000;
    const { url, end, ...process } = await startProcess(drain, platform);
    const clients = await Promise.all(Array.from({ length: 50 }, () => Client.connect(url)));
    const page = await RawUpgrade.to(`${url}/late`, {
      headers: { Connection: 'keep-alive', Upgrade: undefined },
    });
    process[how]();
    const trickles = ['/', '/nope'].map(path => new Trickle(url, path));
    const { code, signal, tookMs } = await end();
    expect([code, signal]).toEqual(how === 'close' ? [0, null] : [null, 'SIGTERM']);
    expect(tookMs).toBeLessThan(drain);
    for (const { closed } of clients) expect((await closed).code).toBe(1012);
    expect(await page.closed).toContain('late');
    for (const trickle of trickles) {
      const outcomes = await trickle.end();
      // Some come before the signal, or when nobody listens any more.
      for (const outcome of ['none', '101, upgrade', '404, close']) outcomes.delete(outcome);
      outcomes.delete('503, close, retry');
      expect([...outcomes]).toEqual([]);
    }
  },
);
