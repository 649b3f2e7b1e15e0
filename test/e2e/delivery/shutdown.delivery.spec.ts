import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, CLOSE, Connections, type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { account, offsetOf } from '../../support/account.js';
import { Flood, KIB, paused } from '../../support/slow.js';

@WebSocketGateway()
class Gateway {
  @Topic('big')
  big(): void {}

  @Topic('log', { history: 100 })
  log(): string {
    return 'state';
  }

  /** A window that no test lives to see the end of. */
  @Topic('prices', { conflate: ({ key }: { key: string }) => key, every: 60_000 })
  prices(): void {}

  @Topic('price', { conflate: true })
  price(): void {}
}

/** A provider that has something to say when it goes. */
@Injectable()
class Feed implements OnModuleDestroy {
  constructor(readonly broadcaster: Broadcaster) {}

  onModuleDestroy(): void {
    this.broadcaster.publish('log', 'the end');
  }
}

async function start(options: FanoutOptions = {}) {
  const { app, url, get } = await startApp({ providers: [Gateway, Feed], options });
  return { app, url, broadcaster: get(Broadcaster), connections: get(Connections) };
}

const dataOf = (client: Client, topic: string): unknown[] =>
  client.publications(topic).map(({ data }) => data);

describe('app.close()', () => {
  it('ends the windows of topics that conflate: the newest of each key comes before the goodbye', async () => {
    const { app, url, broadcaster } = await start();
    const [client, rare] = [await Client.connect(url), await Client.connect(url)];
    await client.subscribe('prices');
    await rare.request('subscribe', { topic: 'price', maxRate: 1 / 60 });
    // The first opens the window and leaves at once; the others wait for its end.
    broadcaster.publish('prices', { key: 'a', n: 1 });
    broadcaster.publish('price', 1);
    await client.until(() => dataOf(client, 'prices').length === 1);
    await rare.until(() => dataOf(rare, 'price').length === 1);
    for (const n of [2, 3]) {
      for (const key of ['a', 'b']) broadcaster.publish('prices', { key, n });
      broadcaster.publish('price', n);
    }
    const closing = app.close();
    for (const { closed } of [client, rare]) expect((await closed).code).toBe(CLOSE.SHUTDOWN.code);
    await closing;
    expect(dataOf(client, 'prices').slice(1)).toEqual([
      { key: 'a', n: 3 },
      { key: 'b', n: 3 },
    ]);
    expect(dataOf(rare, 'price')).toEqual([1, 3]);
  });

  it('delivers what providers publish in onModuleDestroy', async () => {
    const { app, url } = await start();
    const client = await Client.connect(url);
    await client.subscribe('log');
    await app.close();
    expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
    expect(dataOf(client, 'log')).toEqual(['the end']);
  });

  it('gives those who are behind what waits for them, if they read on', async () => {
    const { app, url, broadcaster, connections } = await start({
      shutdown: { drain: 10_000 },
      heartbeat: false,
    });
    const slow = await paused(url, ['big']);
    const flood = new Flood(broadcaster, 'big');
    await flood.untilSlow();
    await flood.publish(8);
    const closing = app.close();
    // An upgrade that is refused tells that the shutdown has begun, and that nobody was closed for it yet.
    await expect(Client.connect(url)).rejects.toThrow('503');
    expect(connections.size).toBe(1);
    slow.socket.resume();
    await slow.until(() => slow.close !== undefined);
    expect(slow.close?.code).toBe(CLOSE.SHUTDOWN.code);
    expect(account(slow.messages, 'big')).toMatchObject({ gaps: [], last: flood.count });
    slow.socket.end();
    await closing;
  });

  it('does not wait longer than half of shutdown.drain for those who do not, and their frames end whole', async () => {
    const { app, url, broadcaster } = await start({
      shutdown: { drain: 2000 },
      slowConsumer: { maxBytes: 512 * KIB },
      heartbeat: false,
    });
    const slow = await paused(url, ['big']);
    const flood = new Flood(broadcaster, 'big');
    await flood.untilSlow();
    await flood.publish(8);
    const closing = app.close();
    await eventually(() => broadcaster.subscribers('big') === 0, 'the close');
    slow.socket.resume();
    await slow.until(() => slow.close !== undefined);
    expect(slow.close?.code).toBe(CLOSE.SHUTDOWN.code);
    const { gaps } = account(slow.messages, 'big');
    expect(gaps).toMatchObject([{ to: flood.count, reason: 'slow' }]);
    slow.socket.end();
    await closing;
  });

  it('is followed by recovered: false and the snapshot, when a client takes its position to the next process', async () => {
    const [old, next] = [await start(), await start()];
    const client = await Client.connect(old.url);
    await client.subscribe('log');
    old.broadcaster.publish('log', 'seen');
    await client.until(() => dataOf(client, 'log').length === 1);
    const since = await old.broadcaster.position('log');
    const closing = old.app.close();
    await client.closed;
    next.broadcaster.publish('log', 'meanwhile');
    const back = await Client.connect(next.url);
    const { data } = await back.subscribe('log', since);
    expect(data).toMatchObject({ recovered: false, snapshot: 'state' });
    expect(offsetOf(data.position)).toBe(1);
    await closing;
  });
});
