import { WebSocketGateway, WsException } from '@nestjs/websockets';
import { Broadcaster, Topic } from 'nestjs-fanout';
import { type Observable, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

@WebSocketGateway()
class Gateway {
  @Topic('log.:id', { history: 5 })
  log(): string {
    return 'state';
  }

  @Topic('live')
  live(): void {}

  open = true;

  @Topic('guarded', { history: 5 })
  guarded(): string {
    if (!this.open) throw new WsException('not now');
    return 'state';
  }

  @Topic('newest', { history: 5, conflate: true })
  newest(): void {}

  readonly feed = new Subject<number>();

  @Topic('fed', { history: 5 })
  fed(): Observable<number> {
    return this.feed;
  }
}

async function start() {
  const { url, get } = await startApp({ providers: [Gateway] });
  return {
    broadcaster: get(Broadcaster),
    gateway: get(Gateway),
    connect: (protocols?: string[]) => Client.connect(url, protocols),
  };
}

const numbers = (client: Client, topic: string): number[] =>
  client.publications(topic).map(({ data }) => data);

describe('subscribe with since', () => {
  it.each([[[]], [['fanout.v1.json']]])(
    'is followed by what was missed, before anything live, with %j',
    async protocols => {
      const { broadcaster, connect } = await start();
      const first = await connect();
      await first.subscribe('log.a');
      for (const n of [1, 2]) broadcaster.publish('log.a', n);
      await first.until(() => numbers(first, 'log.a').length === 2);
      const since = await broadcaster.position('log.a');
      await first.close();
      for (const n of [3, 4, 5]) broadcaster.publish('log.a', n);

      const back = await connect(protocols);
      broadcaster.publish('log.a', 6);
      expect(await back.subscribe('log.a', since)).toStrictEqual({
        event: 'subscribed',
        id: 1,
        data: { topic: 'log.a', position: since, recovered: true, snapshot: 'state' },
      });
      broadcaster.publish('log.a', 7);
      await back.until(() => numbers(back, 'log.a').length === 5);
      expect(back.publications('log.a')).toEqual(
        [3, 4, 5, 6, 7].map(data => ({ topic: 'log.a', offset: data, data })),
      );
    },
  );

  it('recovers nothing, and says so, when nothing was missed', async () => {
    const { broadcaster, connect } = await start();
    broadcaster.publish('log.a', 1);
    const client = await connect();
    const since = await broadcaster.position('log.a');
    expect((await client.subscribe('log.a', since)).data).toMatchObject({ recovered: true, position: since });
    broadcaster.publish('log.a', 2);
    await client.until(() => numbers(client, 'log.a').length > 0);
    expect(numbers(client, 'log.a')).toEqual([2]);
  });

  it('is answered recovered: false where the history ends too early', async () => {
    const { broadcaster, connect } = await start();
    broadcaster.publish('log.a', 1);
    const since = await broadcaster.position('log.a');
    for (let n = 2; n <= 7; n++) broadcaster.publish('log.a', n);
    await broadcaster.flush();
    const client = await connect();
    const { data } = await client.subscribe('log.a', since);
    expect(data).toMatchObject({ recovered: false, position: await broadcaster.position('log.a') });
    broadcaster.publish('log.a', 8);
    await client.until(() => numbers(client, 'log.a').length > 0);
    expect(numbers(client, 'log.a')).toEqual([8]);
  });

  it('reaches back exactly as far as the history', async () => {
    const { broadcaster, connect } = await start();
    for (let n = 1; n <= 2; n++) broadcaster.publish('log.a', n);
    const since = await broadcaster.position('log.a');
    for (let n = 3; n <= 7; n++) broadcaster.publish('log.a', n);
    await broadcaster.flush();
    const client = await connect();
    expect((await client.subscribe('log.a', since)).data.recovered).toBe(true);
    await client.until(() => numbers(client, 'log.a').length === 5);
    expect(numbers(client, 'log.a')).toEqual([3, 4, 5, 6, 7]);
  });

  it.each([
    ['another epoch', () => 'Other.1:2'],
    ['the future', (position: string) => position.replace(/:\d+$/, ':999')],
    ['no position', () => 'yesterday'],
    ['an offset that is no number', (position: string) => position.replace(/:\d+$/, ':-1')],
    ['nothing', () => ''],
  ])('is answered recovered: false for %s', async (_, sinceOf) => {
    const { broadcaster, connect } = await start();
    for (let n = 1; n <= 3; n++) broadcaster.publish('log.a', n);
    const client = await connect();
    const { event, data } = await client.subscribe('log.a', sinceOf(await broadcaster.position('log.a')));
    expect({ event, recovered: data.recovered }).toEqual({ event: 'subscribed', recovered: false });
    broadcaster.publish('log.a', 4);
    await client.until(() => numbers(client, 'log.a').includes(4));
    expect(numbers(client, 'log.a')).toEqual([4]);
  });

  it('is not answered with recovered when it was not asked for', async () => {
    const { broadcaster, connect } = await start();
    broadcaster.publish('log.a', 1);
    const client = await connect();
    expect((await client.subscribe('log.a')).data).toStrictEqual({
      topic: 'log.a',
      position: await broadcaster.position('log.a'),
      snapshot: 'state',
    });
  });

  it('recovers from a position that was handed out before the first publication', async () => {
    const { broadcaster, connect } = await start();
    const since = await broadcaster.position('log.a');
    broadcaster.publish('log.a', 1);
    const client = await connect();
    const { data } = await client.subscribe('log.a', since);
    expect(data).toMatchObject({ recovered: true, position: since });
    await client.until(() => numbers(client, 'log.a').length > 0);
    expect(numbers(client, 'log.a')).toEqual([1]);
  });

  it.each([
    ['and was published to meanwhile', [1, 2]],
    ['and nothing was published', []],
  ])('recovers a topic that had no publication when its only client was lost, %s', async (_, missed) => {
    const { broadcaster, connect } = await start();
    const first = await connect();
    const { position } = (await first.subscribe('log.a')).data;
    await first.close();
    await eventually(() => broadcaster.subscribers('log.a') === 0, 'the end of the first client');
    for (const n of missed) broadcaster.publish('log.a', n);
    const back = await connect();
    expect((await back.subscribe('log.a', position)).data).toMatchObject({ recovered: true, position });
    broadcaster.publish('log.a', 9);
    await back.until(() => numbers(back, 'log.a').includes(9));
    expect(numbers(back, 'log.a')).toEqual([...missed, 9]);
  });

  it('recovers on a topic that refused a client in between', async () => {
    const { broadcaster, connect, gateway } = await start();
    const since = await broadcaster.position('guarded');
    const client = await connect();
    gateway.open = false;
    expect((await client.subscribe('guarded', since)).event).toBe('error');
    gateway.open = true;
    broadcaster.publish('guarded', 1);
    expect((await client.subscribe('guarded', since)).data).toMatchObject({ recovered: true });
    await client.until(() => numbers(client, 'guarded').length > 0);
  });

  it.each(['position', 'history'] as const)(
    'recovers from what %s() says of an empty topic that conflates',
    async how => {
      const { broadcaster, connect } = await start();
      const since =
        how === 'position'
          ? await broadcaster.position('newest')
          : (await broadcaster.history('newest')).position;
      broadcaster.publish('newest', 1);
      const client = await connect();
      expect((await client.subscribe('newest', since)).data).toMatchObject({ recovered: true });
      await client.until(() => numbers(client, 'newest').includes(1));
    },
  );

  it('recovers nothing from a position of another topic', async () => {
    const { broadcaster, connect } = await start();
    const client = await connect();
    expect((await client.subscribe('log.a', await broadcaster.position('log.b'))).data.recovered).toBe(false);
  });

  it('recovers nothing on a topic without history that has ended meanwhile', async () => {
    const { broadcaster, connect } = await start();
    const first = await connect();
    const { data } = await first.subscribe('live');
    await first.request('unsubscribe', { topic: 'live' });
    broadcaster.publish('live', 1);
    expect((await first.subscribe('live', data.position)).data.recovered).toBe(false);
  });

  it('recovers on a topic without history only when nothing was missed, and while somebody else listens', async () => {
    const { broadcaster, connect } = await start();
    const [staying, leaving] = [await connect(), await connect()];
    await staying.subscribe('live');
    const { position } = (await leaving.subscribe('live')).data;
    await leaving.close();
    expect((await (await connect()).subscribe('live', position)).data.recovered).toBe(true);
    broadcaster.publish('live', 1);
    await broadcaster.flush();
    expect((await (await connect()).subscribe('live', position)).data.recovered).toBe(false);
  });

  it('recovers what a source has emitted, and starts the source again when nobody was left', async () => {
    const { broadcaster, gateway, connect } = await start();
    const first = await connect();
    const { position } = (await first.subscribe('fed')).data;
    for (const n of [1, 2]) gateway.feed.next(n);
    await first.until(() => numbers(first, 'fed').length === 2);
    await first.close();
    await eventually(() => !gateway.feed.observed, 'the end of the source');
    gateway.feed.next(3); // nobody hears it
    expect((await broadcaster.history('fed')).publications).toHaveLength(2);
    const back = await connect();
    expect((await back.subscribe('fed', position)).data).toMatchObject({ recovered: true, position });
    gateway.feed.next(4);
    await back.until(() => numbers(back, 'fed').length === 3);
    expect(numbers(back, 'fed')).toEqual([1, 2, 4]);
  });

  it('loses nothing when publications race the reconnect', async () => {
    const { broadcaster, connect } = await start();
    broadcaster.publish('log.a', 0);
    let since = await broadcaster.position('log.a');
    const all: number[] = [];
    let published = 0;
    for (let round = 0; round < 20; round++) {
      const client = await connect();
      broadcaster.publish('log.a', ++published);
      client.send({ event: 'subscribe', id: 'back', data: { topic: 'log.a', since } });
      broadcaster.publish('log.a', ++published);
      const answer = await client.next(frame => frame.id === 'back');
      expect(answer.data.recovered).toBe(true);
      broadcaster.publish('log.a', ++published);
      await client.until(() => numbers(client, 'log.a').includes(published));
      all.push(...numbers(client, 'log.a'));
      since = `${since.split(':')[0]}:${client.publications('log.a').at(-1)!.offset}`;
      client.socket.terminate();
    }
    expect(all).toEqual(Array.from({ length: published }, (_, i) => i + 1));
  });
});

describe('Broadcaster#history', () => {
  it('gives what is kept, by position', async () => {
    const { broadcaster, connect } = await start();
    const client = await connect();
    await client.subscribe('log.a');
    for (let n = 1; n <= 3; n++) broadcaster.publish('log.a', { n });
    const since = await broadcaster.position('log.a');
    expect(await broadcaster.history('log.a')).toEqual({
      publications: [1, 2, 3].map(n => ({ offset: n, data: { n } })),
      position: since,
      complete: true,
    });
    for (let n = 4; n <= 7; n++) broadcaster.publish('log.a', { n });
    await broadcaster.flush();
    const offsets = async (from?: string): Promise<unknown> => {
      const { publications, complete } = await broadcaster.history('log.a', from);
      return [complete, ...publications.map(({ offset }) => offset)];
    };
    expect(await offsets(since)).toEqual([true, 4, 5, 6, 7]);
    expect(await offsets()).toEqual([false, 3, 4, 5, 6, 7]);
    expect(await offsets(await broadcaster.position('log.a'))).toEqual([true]);
    expect(await offsets('Other.1:3')).toEqual([false, 3, 4, 5, 6, 7]);
  });

  it('keeps the position of a topic that nobody listens to', async () => {
    const { broadcaster, connect } = await start();
    const client = await connect();
    await client.subscribe('log.a');
    broadcaster.publish('log.a', 1);
    await client.until(() => numbers(client, 'log.a').length === 1);
    await client.close();
    await eventually(() => broadcaster.subscribers('log.a') === 0, 'the end of the client');
    expect(broadcaster.publish('log.a', 2)).toBe(0);
    expect(await broadcaster.position('log.a')).toMatch(/:2$/);
    expect((await broadcaster.history('log.a')).publications).toHaveLength(2);
  });

  it('is empty for a topic without history', async () => {
    const { broadcaster } = await start();
    broadcaster.publish('live', 1);
    expect((await broadcaster.history('live')).publications).toEqual([]);
  });
});
