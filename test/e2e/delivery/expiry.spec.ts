import { WebSocketGateway } from '@nestjs/websockets';
import { Topic } from 'nestjs-fanout';
import { expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { atRest, startDelivery } from '../../support/delivery.js';
import { Flood, KIB, paused, readOn } from '../../support/slow.js';

/** Milliseconds: long enough for whoever keeps up, short enough to wait for. */
const TTL = 700;

@WebSocketGateway()
class Gateway {
  @Topic('big', { history: 2000 })
  big(): void {}
}

async function start() {
  const running = await startDelivery([Gateway], { slowConsumer: { maxBytes: 512 * KIB } });
  const { url, broadcaster } = running;
  return {
    ...running,
    /** Publishes what goes stale. */
    mortal(...numbers: number[]): void {
      for (const n of numbers) broadcaster.publish('big', { n, text: 'stale' }, { ttl: TTL });
    },
    /** Publishes what does not. */
    lasting(...numbers: number[]): void {
      for (const n of numbers) broadcaster.publish('big', { n, text: 'lasting' });
    },
    /** Waits until all that can go stale has. */
    stale: () =>
      eventually(
        async () => !(await broadcaster.history('big')).publications.some(({ data }) => isMortal(data)),
        'the end of what goes stale',
      ),
    /** Somebody who keeps up. */
    async live(): Promise<Client> {
      const client = await Client.connect(url);
      await client.subscribe('big');
      return client;
    },
  };
}

const isMortal = (data: unknown): boolean => (data as { text: string }).text === 'stale';

const gap = (from: number, to: number): unknown =>
  expect.objectContaining({ topic: 'big', from, to, reason: 'expired' });

it('what has a ttl reaches everybody who keeps up', async () => {
  const { live, mortal, lasting } = await start();
  const client = await live();
  mortal(1, 2);
  lasting(3);
  await client.until(() => client.publications('big').length === 3);
  expect(account(client.frames, 'big')).toMatchObject({ gaps: [], last: 3 });
});

/** What was published one right after the other may go stale a millisecond apart, and then be told in two gaps. */
function runs<T extends { from: number; to: number }>(gaps: readonly T[]): T[] {
  const joined: T[] = [];
  for (const next of gaps) {
    const last = joined.at(-1);
    if (last?.to === next.from - 1) joined[joined.length - 1] = { ...next, from: last.from };
    else joined.push(next);
  }
  return joined;
}

it('who reads too late gets a gap in the place of each run of what has gone stale', async () => {
  const { url, broadcaster, live, mortal, lasting, stale, ...rest } = await start();
  const healthy = await live();
  const slow = await paused(url, ['big']);
  const flood = new Flood(broadcaster, 'big');
  await flood.untilSlow();
  const at = flood.count;
  mortal(at + 1, at + 2, at + 3);
  lasting(at + 4);
  mortal(at + 5);
  lasting(at + 6, at + 7);
  mortal(at + 8, at + 9);
  await healthy.until(() => healthy.publications('big').length === at + 9);
  await stale();
  lasting(at + 10);
  const { publications, gaps } = account(await readOn(slow, at + 10), 'big');
  expect(runs(gaps)).toEqual([gap(at + 1, at + 3), gap(at + 5, at + 5), gap(at + 8, at + 9)]);
  expect(publications.map(({ data }) => data.n).slice(at)).toEqual([at + 4, at + 6, at + 7, at + 10]);
  expect(account(healthy.frames, 'big')).toMatchObject({ gaps: [], last: at + 10 });
  await atRest(rest);
});

it('who reads too late is told also when nothing newer follows', async () => {
  const { url, broadcaster, mortal, stale } = await start();
  const slow = await paused(url, ['big']);
  const flood = new Flood(broadcaster, 'big');
  await flood.untilSlow();
  mortal(flood.count + 1, flood.count + 2);
  await stale();
  slow.socket.resume();
  await slow.until(() => slow.frames.at(-1)!.payload.includes('"reason":"expired"'));
  expect(account(slow.messages, 'big').gaps).toEqual([gap(flood.count + 1, flood.count + 2)]);
  await eventually(() => broadcaster.pressure('big').slow === 0, 'the end of the catching up');
});

it('who reads in time gets what has a ttl from the log too', async () => {
  const { url, broadcaster, mortal } = await start();
  const slow = await paused(url, ['big']);
  const flood = new Flood(broadcaster, 'big');
  await flood.untilSlow();
  broadcaster.publish('big', { n: flood.count + 1, text: 'in time' }, { ttl: 60_000 });
  const { publications, gaps } = account(await readOn(slow, flood.count + 1), 'big');
  expect(gaps).toEqual([]);
  expect(publications.at(-1)!.data.text).toBe('in time');
  mortal(flood.count + 2);
  await readOn(slow, flood.count + 2);
});

it('who comes back gets a gap for what has gone stale meanwhile, and is recovered all the same', async () => {
  const { url, broadcaster, mortal, lasting, stale } = await start();
  lasting(1);
  const since = await broadcaster.position('big');
  mortal(2, 3);
  lasting(4);
  mortal(5);
  await stale();
  expect((await broadcaster.history('big', since)).publications.map(({ offset }) => offset)).toEqual([4]);
  const back = await Client.connect(url);
  const { data } = await back.subscribe('big', since);
  expect(data).toMatchObject({ recovered: true, position: since });
  lasting(6);
  await back.until(() => back.publications('big').length === 2);
  const { publications, gaps } = account(back.frames, 'big');
  expect(gaps).toEqual([gap(2, 3), gap(5, 5)]);
  expect(publications.map(({ offset }) => offset)).toEqual([4, 6]);
});
