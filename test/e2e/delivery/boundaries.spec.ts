import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { startDelivery } from '../../support/delivery.js';
import { Flood, KIB, paused, readOn } from '../../support/slow.js';

/** Where delivery ends: what a client gets in spite of what, and what it cannot be given. */
@WebSocketGateway()
class Gateway {
  readonly working: (() => void)[] = [];

  @Topic('log', { history: 100, presence: true })
  log(): string {
    return 'state';
  }

  @Topic('live')
  live(): void {}

  @Topic('deep', { history: { size: 2000, bytes: 64 * 1024 * KIB } })
  deep(): void {}

  @SubscribeMessage('work')
  work(@MessageBody() data: unknown): Promise<unknown> {
    return new Promise(resolve => this.working.push(() => resolve(data)));
  }
}

const MAX_BYTES = 512 * KIB;

const start = async () => {
  const running = await startDelivery([Gateway], { slowConsumer: { maxBytes: MAX_BYTES } });
  return { ...running, gateway: running.get(Gateway) };
};

const dataOf = (client: Client, topic: string): unknown[] =>
  client.publications(topic).map(({ data }) => data);

describe('a handler that takes long', () => {
  it('holds up the messages of its client, and neither its publications nor anybody else', async () => {
    const { url, broadcaster, gateway } = await start();
    const [busy, other] = [await Client.connect(url), await Client.connect(url)];
    for (const client of [busy, other]) await client.subscribe('live');
    busy.send({ event: 'work', id: 'work', data: 'done' });
    await eventually(() => gateway.working.length === 1, 'the call of the handler');
    busy.send({ event: 'ping', id: 'after' });
    for (let n = 1; n <= 20; n++) {
      broadcaster.publish('live', n);
      await other.request('ping');
    }
    for (const client of [busy, other]) await client.until(() => dataOf(client, 'live').length === 20);
    const answers = (): unknown[] =>
      busy.frames.map(({ id }) => id as unknown).filter(id => id !== undefined);
    expect(answers()).toEqual([1]);
    gateway.working[0]!();
    await busy.next(({ id }) => id === 'after');
    expect(answers()).toEqual([1, 'work', 'after']);
  });
});

describe('a slow reader', () => {
  it('loses nothing that the history has, however far behind it is', async () => {
    const { url, broadcaster } = await start();
    const slow = await paused(url, ['deep']);
    const flood = new Flood(broadcaster, 'deep');
    await flood.untilSlow();
    // Twice as much as is kept for those who are behind alone.
    await flood.publish((2 * MAX_BYTES) / (32 * KIB));
    expect(account(await readOn(slow, flood.count), 'deep')).toMatchObject({ gaps: [], last: flood.count });
  });
});

describe('a connection that breaks', () => {
  it('takes along what the kernel had for it: publish() counted that, flush() waited for it, and since recovers it', async () => {
    const { url, broadcaster, connections } = await start();
    const leaving = await paused(url, ['log', 'live']);
    const { last } = account(leaving.messages, 'log');
    const since = (await broadcaster.position('log')).replace(/\d+$/, String(last));
    expect([broadcaster.publish('log', 'unread'), broadcaster.publish('live', 'unread')]).toEqual([1, 1]);
    await broadcaster.flush();
    expect([...connections].map(({ bufferedBytes }) => bufferedBytes)).toEqual([0]);
    leaving.socket.destroy();
    await eventually(() => connections.size === 0, 'the end of the connection');
    expect(leaving.messages.some(({ data }) => data === 'unread')).toBe(false);

    const back = await Client.connect(url);
    expect((await back.subscribe('log', since)).data.recovered).toBe(true);
    await back.until(() => dataOf(back, 'log').length === 1);
    expect(dataOf(back, 'log')).toEqual(['unread']);
    await back.subscribe('live');
    await back.request('ping');
    expect(dataOf(back, 'live')).toEqual([]);
  });
});

describe('a publication', () => {
  it('reaches nobody who is connected to another process', async () => {
    const [here, there] = [await start(), await start()];
    const [mine, theirs] = [await Client.connect(here.url), await Client.connect(there.url)];
    for (const client of [mine, theirs]) await client.subscribe('log');
    expect(here.broadcaster.publish('log', 'news')).toBe(1);
    await mine.until(() => dataOf(mine, 'log').length === 1);
    await there.broadcaster.flush();
    await theirs.request('ping');
    expect(dataOf(theirs, 'log')).toEqual([]);
    expect((await there.broadcaster.history('log')).publications).toEqual([]);
    // Nor does anybody there count here.
    expect(await here.broadcaster.presence('log')).toEqual([{ user: null, connections: 1 }]);
  });

  it('with an idempotency key is made once in each process', async () => {
    const processes = [await start(), await start()];
    for (const { broadcaster } of processes) {
      for (let i = 0; i < 2; i++) broadcaster.publish('log', 'once', { idempotencyKey: 'order-7' });
      expect((await broadcaster.history('log')).publications).toHaveLength(1);
    }
  });

  it('comes again to a client that comes back with an older position than it has', async () => {
    const { url, broadcaster } = await start();
    broadcaster.publish('log', 0);
    const older = await broadcaster.position('log');
    const client = await Client.connect(url);
    await client.subscribe('log');
    broadcaster.publish('log', 1);
    await client.until(() => dataOf(client, 'log').length === 1);
    await client.close();
    const back = await Client.connect(url);
    await back.subscribe('log', older);
    await back.until(() => dataOf(back, 'log').length === 1);
    expect([...dataOf(client, 'log'), ...dataOf(back, 'log')]).toEqual([1, 1]);
  });

  it('that nobody listened to is there for those who come back where a history keeps it, and nowhere else', async () => {
    const { url, broadcaster } = await start();
    for (const topic of ['log', 'live']) expect(broadcaster.publish(topic, 'before')).toBe(0);
    const [kept, lost] = [await broadcaster.position('log'), await broadcaster.position('live')];
    for (const topic of ['log', 'live']) expect(broadcaster.publish(topic, 'unheard')).toBe(0);
    const client = await Client.connect(url);
    expect((await client.subscribe('log', kept)).data.recovered).toBe(true);
    expect((await client.subscribe('live', lost)).data.recovered).toBe(false);
    await client.until(() => dataOf(client, 'log').length === 1);
    expect(dataOf(client, 'log')).toEqual(['unheard']);
    await client.request('ping');
    expect(dataOf(client, 'live')).toEqual([]);
    // Who does not ask for it gets what is new.
    const newcomer = await Client.connect(url);
    await newcomer.subscribe('log');
    await newcomer.request('ping');
    expect(dataOf(newcomer, 'log')).toEqual([]);
  });
});
