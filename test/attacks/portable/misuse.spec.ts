import { Injectable } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, Publish, Topic } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

@WebSocketGateway()
class Gateway {
  @Topic('orders.:id')
  order(): void {}

  @Topic('orders.:id.internal')
  internal(): void {}

  @Topic('left')
  @Topic('right.:side')
  either(): string {
    return 'either';
  }
}

@Injectable()
class Orders {
  @Publish('orders.:id')
  query(_id: string): any {
    // As the query builders of some libraries: runs when it is awaited, and is no Promise.
    // oxlint-disable-next-line unicorn/no-thenable -- that is what it is about
    return { then: (done: (value: unknown) => void) => done({ paid: true }) };
  }

  @Publish('orders.:id')
  pay(_id: string): object {
    return { paid: true };
  }
}

async function start(limits = {}) {
  const { url, get } = await startApp({ providers: [Gateway, Orders], options: { limits } });
  const client = await Client.connect(url);
  const [connection] = get(Connections);
  return { url, client, connection: connection!, get, broadcaster: get(Broadcaster) };
}

describe('broadcaster.flush()', () => {
  it('resolves also while others publish without a pause', async () => {
    const { url, get } = await startApp({ providers: [Gateway], options: { flush: { slice: 0.1 } } });
    const broadcaster = get(Broadcaster);
    const topics = Array.from({ length: 100 }, (_, i) => `orders.${i}`);
    // So many that each flush takes several slices.
    await Promise.all(Array.from({ length: 20 }, () => Client.connect(url)));
    await eventually(() => get(Connections).size === 20);
    for (const connection of get(Connections)) for (const topic of topics) connection.subscribe(topic);
    let publishing = true;
    onTestFinished(() => void (publishing = false));
    const publish = (): void => {
      for (const topic of topics) broadcaster.publish(topic, 'x');
      if (publishing) setImmediate(publish);
    };
    publish();
    let resolved = false;
    void broadcaster.flush().then(() => (resolved = true));
    await eventually(() => resolved, 'the end of flush()');
  });
});

describe('@Publish', () => {
  it('publishes what a thenable resolves to', async () => {
    const { client, get } = await start();
    await client.subscribe('orders.1');
    await expect(get(Orders).query('1')).resolves.toEqual({ paid: true });
    await client.until(() => client.publications('orders.1').length === 1);
    expect(client.publications('orders.1')[0]!.data).toEqual({ paid: true });
  });

  it('encodes an id with a dot, which would name the topic of another pattern', async () => {
    const { client, get, broadcaster } = await start();
    await client.subscribe('orders.1.internal');
    await client.subscribe('orders.1~2Einternal');
    get(Orders).pay('1.internal');
    await broadcaster.flush();
    await client.request('ping');
    expect(client.publications('orders.1.internal')).toEqual([]);
    expect(client.publications('orders.1~2Einternal')).toHaveLength(1);
  });
});

describe('a method with two @Topic', () => {
  it('serves both', async () => {
    const { client } = await start();
    for (const topic of ['left', 'right.2']) {
      expect((await client.subscribe(topic)).data).toMatchObject({ topic, snapshot: 'either' });
    }
  });
});

describe('the option namespace of a gateway', () => {
  it('is an error at start', async () => {
    @WebSocketGateway({ namespace: 'chat' })
    class Chat {}
    await expect(startApp({ providers: [Chat] })).rejects.toMatchObject({ code: 'FANOUT_NAMESPACE' });
  });
});

describe('limits.topicsPerConnection', () => {
  it('does not count what the server subscribed a connection to', async () => {
    const { client, connection } = await start({ topicsPerConnection: 1 });
    expect(connection.subscribe('private.1')).toBe(true);
    expect(connection.subscribe('private.2')).toBe(true);
    expect((await client.subscribe('orders.1')).event).toBe('subscribed');
    expect((await client.subscribe('orders.2')).data.code).toBe('TOO_MANY_TOPICS');
  });
});

describe('Connections#ofUser', () => {
  it('keeps nobody who has gone, though the user object was changed meanwhile', async () => {
    const { client, connection, get } = await start();
    const connections = get(Connections);
    const user: { id: unknown } = { id: 7 };
    connection.user = user;
    user.id = 8;
    expect([...connections.ofUser(7)]).toEqual([connection]);
    await client.close();
    await eventually(() => connections.size === 0);
    expect([...connections.ofUser(7), ...connections.ofUser(8)]).toEqual([]);
  });

  it('ends for who assigns the user of what it gets', async () => {
    const { url, get } = await start();
    await Client.connect(url);
    const connections = get(Connections);
    for (const connection of connections) connection.user = { id: 1 };
    let assigned = 0;
    for (const connection of connections.ofUser(1)) {
      connection.user = { ...connection.user, plan: 'pro' };
      if (++assigned === 100) break;
    }
    expect(assigned).toBe(2);
    expect([...connections.ofUser(1)].map(({ user }) => user.plan)).toEqual(['pro', 'pro']);
  });
});
