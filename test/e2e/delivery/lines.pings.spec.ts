import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Heartbeat, Topic } from 'nestjs-fanout';
import { expect, it } from 'vitest';
import { Client } from '../../support/client.js';
import { heldTime } from '../../support/held-time.js';
import { connectedThrough, firstAnswer, startWithLine, steps } from '../../support/lines.js';
import { KIB } from '../../support/slow.js';

const LARGE = 'x'.repeat(900_000);

class Base {
  @Topic('news')
  news(): void {}

  @SubscribeMessage('large')
  large(): string {
    return LARGE;
  }
}

@WebSocketGateway()
class Gateway extends Base {}

@Heartbeat(false)
@WebSocketGateway({ path: '/quiet' })
class QuietGateway extends Base {}

/** A subscriber whose line lets everything pass. */
async function start(path = '') {
  const time = heldTime();
  const running = await startWithLine([Gateway, QuietGateway]);
  const { line, connections, broadcaster } = running;
  const through = await connectedThrough(line, connections, url => Client.connect(url + path));
  await through.client.subscribe('news');
  const { link } = through;
  return {
    ...running,
    ...through,
    /** Publishes so many bytes in each step. */
    stream: (count: number, bytes: number) =>
      steps(count, time, link, {
        bytes: 0,
        publish: () => broadcaster.publish('news', 'x'.repeat(bytes)),
      }),
  };
}

it('a client that gets a few kilobytes a second is pinged no more often than the heartbeat does it', async () => {
  const { broadcaster, link, stream } = await start();
  await firstAnswer(broadcaster, 'news', link);
  const before = link.down.pings.length;
  // In 40 seconds, in which the default heartbeat has four pings.
  await stream(400, 400);
  expect(link.down.pings.length - before).toBeLessThanOrEqual(2);
});

it('a client that gets a megabyte is pinged a few times, and then no more than once for 128 KiB', async () => {
  const { link, stream } = await start();
  await stream(50, 20 * KIB);
  const before = link.down.pings.length;
  expect(before).toBeLessThan(10);
  await stream(64, 20 * KIB);
  // 1,280 KiB. After a ping up to 512 KiB may be taken as read.
  expect(link.down.pings.length - before).toBeGreaterThanOrEqual(1);
  expect(link.down.pings.length - before).toBeLessThanOrEqual(11);
});

it('pings carry four bytes, and no two the same', async () => {
  const { link, stream } = await start();
  await stream(50, 20 * KIB);
  const { pings } = link.down;
  expect(new Set(pings.map(({ length }) => length))).toEqual(new Set([8]));
  expect(new Set(pings).size).toBe(pings.length);
  expect(link.up.pongs).toEqual(pings);
});

it('a gateway without a heartbeat sends neither pings nor fragments, and bounds nothing', async () => {
  const { client, link, broadcaster, connection } = await start('/quiet');
  link.shut();
  for (let i = 0; i < 20; i++) {
    broadcaster.publish('news', 'x'.repeat(50 * KIB));
    await link.settled();
  }
  client.send({ event: 'large' });
  while (link.held < 20 * 50 * KIB + LARGE.length) await link.settled();
  expect(connection.lag).toBe(0);
  link.open();
  await client.until(() => client.frames.length === 22);
  expect([link.down.pings, link.down.fragments]).toEqual([[], 0]);
});
