import { WebSocketGateway } from '@nestjs/websockets';
import { type Broadcaster, type FanoutOptions, Topic } from 'nestjs-fanout';
import { expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { startDelivery } from '../../support/delivery.js';
import { Flood, KIB, paused, readOn, turn } from '../../support/slow.js';

@WebSocketGateway()
class Gateway {
  @Topic('big')
  big(): void {}

  @Topic('state')
  state(): string {
    return 'state';
  }

  @Topic('every', { conflate: true, every: 60_000 })
  every(): void {}
}

const start = (slowConsumer: FanoutOptions['slowConsumer'] = {}) =>
  startDelivery([Gateway], { slowConsumer: { maxBytes: 512 * KIB, ...slowConsumer } });

/** A flush() that is under way. */
function flushing(broadcaster: Broadcaster): { readonly done: boolean; readonly end: Promise<void> } {
  const flush = { done: false, end: broadcaster.flush() };
  void flush.end.then(() => (flush.done = true));
  return flush;
}

/** A reader that is behind, and a flush() that waits for it. */
async function startBehind(topic: string, more: number, slowConsumer: FanoutOptions['slowConsumer'] = {}) {
  const running = await start(slowConsumer);
  const slow = await paused(running.url, [topic]);
  const flood = new Flood(running.broadcaster, topic);
  await flood.untilSlow();
  await flood.publish(more);
  const flush = flushing(running.broadcaster);
  for (let i = 0; i < 20; i++) await turn();
  expect(flush.done).toBe(false);
  return { ...running, slow, flood, flush };
}

it('resolves at once when there is nothing to do', async () => {
  const { broadcaster } = await start();
  await broadcaster.flush();
});

it('resolves when all that was published is with the kernel', async () => {
  const { url, broadcaster, connections } = await start();
  const clients = [await Client.connect(url), await Client.connect(url)];
  for (const client of clients) await client.subscribe('big');
  for (let n = 1; n <= 50; n++) broadcaster.publish('big', { n });
  await broadcaster.flush();
  expect([...connections].map(({ bufferedBytes }) => bufferedBytes)).toEqual([0, 0]);
  for (const client of clients) await client.until(() => client.publications('big').length === 50);
});

it('does not wait for the window of a topic with `every`', async () => {
  const { url, broadcaster } = await start();
  const client = await Client.connect(url);
  await client.subscribe('every');
  for (const n of [1, 2]) {
    broadcaster.publish('every', n);
    await broadcaster.flush();
    await client.until(() => client.publications('every').length === n);
  }
});

it('resolves when a slow one has caught up', async () => {
  const { broadcaster, connections, slow, flood, flush } = await startBehind('big', 8);
  slow.socket.resume();
  await flush.end;
  expect(broadcaster.pressure('big').slow).toBe(0);
  expect([...connections].map(({ bufferedBytes }) => bufferedBytes)).toEqual([0]);
  expect(account(await readOn(slow, flood.count), 'big')).toMatchObject({ gaps: [], last: flood.count });
});

it('resolves when a slow one was told what it has lost', async () => {
  const { slow, flood, flush } = await startBehind('big', 40);
  slow.socket.resume();
  await flush.end;
  expect(account(await readOn(slow, flood.count), 'big').gaps).toHaveLength(1);
});

it('resolves when a slow one was given a new snapshot', async () => {
  const { slow, flush } = await startBehind('state', 40);
  slow.socket.resume();
  await flush.end;
  await slow.until(() => slow.frames.at(-1)!.payload.includes('"snapshot"'));
});

it('resolves when a slow one is gone', async () => {
  const { slow, flush } = await startBehind('big', 8);
  slow.socket.destroy();
  await flush.end;
});

it('resolves when a slow one has unsubscribed and has taken what was on its way', async () => {
  const { broadcaster, slow, flush } = await startBehind('big', 8);
  slow.send({ event: 'unsubscribe', id: 1, data: { topic: 'big' } });
  await eventually(() => broadcaster.subscribers('big') === 0, 'the end of the subscription');
  slow.socket.resume();
  await flush.end;
});

it('resolves when a slow one that the server closes has taken what was on its way', async () => {
  const { broadcaster, connections, slow, flush } = await startBehind('big', 8, { grace: 200 });
  await eventually(() => broadcaster.subscribers('big') === 0, 'the close');
  expect([...connections][0]?.socket.readyState).not.toBe(1);
  slow.socket.resume();
  await flush.end;
});

it('does not wait for what is published after it was called', async () => {
  const { slow, flood, flush } = await startBehind('big', 8, { maxBytes: 64 * KIB * KIB });
  const end = flood.count + 3000;
  const sipped = slow.sip(() => flush.done);
  // More than it reads, and all of it is kept: there is no moment when it has everything.
  while (!flush.done && flood.count < end) {
    await flood.publish(6);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  await sipped;
  expect(flush.done).toBe(true);
  expect(flood.count).toBeLessThan(end);
});
