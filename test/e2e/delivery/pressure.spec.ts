import { WebSocketGateway } from '@nestjs/websockets';
import { type FanoutOptions, Topic } from 'nestjs-fanout';
import { expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { startDelivery } from '../../support/delivery.js';
import { Flood, KIB, paused, readOn, turn } from '../../support/slow.js';

@WebSocketGateway()
class Gateway {
  @Topic('big')
  big(): void {}

  @Topic('other')
  other(): void {}
}

const NONE = { slow: 0, queuedBytes: 0, oldestMs: 0 };
const MAX_BYTES = 512 * KIB;

const start = (options: FanoutOptions = {}) =>
  startDelivery([Gateway], { slowConsumer: { maxBytes: MAX_BYTES }, ...options });

it('is none of a topic that nobody listens to, nor of one whose readers keep up', async () => {
  const { url, broadcaster } = await start();
  expect(broadcaster.pressure('big')).toEqual(NONE);
  expect(() => broadcaster.pressure('no topic!')).toThrow(
    expect.objectContaining({ code: 'FANOUT_TOPIC_NAME' }),
  );
  const client = await Client.connect(url);
  await client.subscribe('big');
  const flood = new Flood(broadcaster, 'big');
  await flood.publish(100);
  await client.until(() => client.publications('big').length === 100);
  expect(broadcaster.pressure('big')).toEqual(NONE);
});

it('counts what waits for the next flush', async () => {
  const { url, broadcaster } = await start({ flush: { window: 60_000 } });
  const client = await Client.connect(url);
  await client.subscribe('big');
  broadcaster.publish('big', 'abc');
  broadcaster.publish('big', 'é');
  expect(broadcaster.pressure('big')).toMatchObject({ slow: 0, queuedBytes: 9 });
  await eventually(() => broadcaster.pressure('big').oldestMs > 20, 'some age');
  await broadcaster.flush();
  expect(broadcaster.pressure('big')).toEqual(NONE);
});

it('tells how many are slow, what waits for them and since when, until they have caught up', async () => {
  const { url, broadcaster } = await start();
  const healthy = await Client.connect(url);
  await healthy.subscribe('big');
  const slow = [await paused(url, ['big']), await paused(url, ['big', 'other'])];
  const flood = new Flood(broadcaster, 'big');
  await flood.untilSlow(2);
  await healthy.until(() => healthy.publications('big').length === flood.count);
  const first = broadcaster.pressure('big');
  await flood.publish(4);
  await healthy.until(() => healthy.publications('big').length === flood.count);
  const then = broadcaster.pressure('big');
  expect(then.slow).toBe(2);
  const bytes = Buffer.byteLength(JSON.stringify({ n: flood.count, text: 'x'.repeat(32 * KIB) }));
  // Once for each of them.
  expect(then.queuedBytes - first.queuedBytes).toBe(2 * 4 * bytes);
  await eventually(() => broadcaster.pressure('big').oldestMs > then.oldestMs + 20, 'some age');
  expect(broadcaster.pressure('other')).toEqual(NONE);

  await readOn(slow[0]!, flood.count);
  await eventually(() => broadcaster.pressure('big').slow === 1, 'the end of the first');
  const { queuedBytes } = broadcaster.pressure('big');
  expect(queuedBytes).toBeGreaterThanOrEqual(4 * bytes);
  expect(queuedBytes).toBeLessThan(then.queuedBytes);
  await readOn(slow[1]!, flood.count);
  await eventually(() => broadcaster.pressure('big').slow === 0, 'the end of the second');
  expect(broadcaster.pressure('big')).toEqual(NONE);
});

it('counts no more than the log keeps, and nothing for those who are gone', async () => {
  const { url, broadcaster } = await start();
  const slow = await paused(url, ['big']);
  const flood = new Flood(broadcaster, 'big');
  await flood.untilSlow();
  await flood.publish(60);
  await eventually(() => broadcaster.pressure('big').queuedBytes <= MAX_BYTES, 'the flush');
  expect(broadcaster.pressure('big').queuedBytes).toBeGreaterThan(MAX_BYTES / 2);
  slow.socket.destroy();
  await eventually(() => broadcaster.pressure('big').slow === 0, 'the end of the slow one');
  expect(broadcaster.pressure('big')).toEqual(NONE);
});

it('lets a publisher that heeds it lose nothing, however slow a reader is', async () => {
  const { url, broadcaster } = await start();
  const slow = await paused(url, ['big']);
  const flood = new Flood(broadcaster, 'big');
  await flood.untilSlow();
  const end = flood.count + 200;
  const sipped = slow.sip(() => slow.frames.at(-1)!.payload.includes(`"n":${end},`));
  let waited = 0;
  while (flood.count < end) {
    if (broadcaster.pressure('big').queuedBytes < MAX_BYTES / 2) await flood.publish(1);
    else await turn().then(() => waited++);
  }
  await sipped;
  expect(account(slow.messages, 'big')).toMatchObject({ gaps: [], last: end });
  // Twelve times what is kept for it.
  expect(waited).toBeGreaterThan(0);
});
