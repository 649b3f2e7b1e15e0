import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connection, Connections, CLOSE, CurrentConnection, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

@WebSocketGateway()
class Gateway {
  constructor(
    readonly broadcaster: Broadcaster,
    readonly connections: Connections,
  ) {}

  handleConnection(socket: WebSocket, { url }: IncomingMessage): void {
    const user = new URLSearchParams(url!.split('?')[1]).get('user');
    if (user !== null) this.connections.of(socket)!.user = { id: user };
  }

  @Topic('chat.:room')
  chat(): void {}

  @SubscribeMessage('say')
  say(@MessageBody() text: string, @CurrentConnection() connection: Connection): number {
    return this.broadcaster.publish('chat.1', text, { except: connection });
  }

  @SubscribeMessage('say.socket')
  saySocket(@MessageBody() text: string, @ConnectedSocket() socket: WebSocket): number {
    return this.broadcaster.publish('chat.1', text, { except: this.connections.of(socket)!.id });
  }
}

async function start() {
  const { url, get } = await startApp({ providers: [Gateway] });
  const connections = get(Connections);
  return {
    broadcaster: get(Broadcaster),
    connections,
    async join(user?: string, protocols?: string[]): Promise<{ client: Client; connection: Connection }> {
      const client = await Client.connect(user === undefined ? url : `${url}/?user=${user}`, protocols);
      await client.subscribe('chat.1');
      return { client, connection: [...connections].at(-1)! };
    },
  };
}

const said = (client: Client, topic = 'chat.1'): unknown[] =>
  client.publications(topic).map(({ data }) => data);

const gapsOf = (client: Client): unknown[] =>
  client.frames.filter(({ event }) => event === 'gap').map(({ data }) => data);

/** Everything that was published before has come when this has. */
async function settle(broadcaster: Broadcaster, ...clients: Client[]): Promise<void> {
  await broadcaster.flush();
  await Promise.all(clients.map(client => client.request('ping')));
}

describe('Broadcaster#publish', () => {
  it('returns how many get it', async () => {
    const { broadcaster, join } = await start();
    expect(broadcaster.publish('chat.1', 0)).toBe(0);
    const { client } = await join();
    expect(broadcaster.publish('chat.1', 1)).toBe(1);
    await join();
    expect(broadcaster.publish('chat.1', 2)).toBe(2);
    expect(broadcaster.publish('chat.2', 3)).toBe(0);
    expect(broadcaster.publish('nobody.declared.this', 4)).toBe(0);
    expect(broadcaster.subscribers('chat.1')).toBe(2);
    await client.request('unsubscribe', { topic: 'chat.1' });
    expect(broadcaster.publish('chat.1', 5)).toBe(1);
  });

  it('leaves out the connection that `except` names, a connection or its id', async () => {
    const { broadcaster, join } = await start();
    const [speaker, listener] = [await join(), await join(undefined, ['fanout.v1.json'])];
    expect((await speaker.client.request('say', 'one')).data).toBe(1);
    expect((await speaker.client.request('say.socket', 'two')).data).toBe(1);
    broadcaster.publish('chat.1', 'three');
    await settle(broadcaster, speaker.client, listener.client);
    expect(said(listener.client)).toEqual(['one', 'two', 'three']);
    expect(speaker.client.publications('chat.1')).toEqual([{ topic: 'chat.1', offset: 3, data: 'three' }]);
    expect(gapsOf(listener.client)).toEqual([]);
  });

  it('tells the one it leaves out which offsets those were, one gap for each run', async () => {
    const { broadcaster, join } = await start();
    const [speaker] = [await join(undefined, ['fanout.v1.json']), await join()];
    const except = speaker.connection;
    for (const theirs of [true, true, false, true])
      broadcaster.publish('chat.1', theirs, theirs ? { except } : {});
    const position = await broadcaster.position('chat.1');
    await settle(broadcaster, speaker.client);
    const [epoch] = position.split(':');
    expect(gapsOf(speaker.client)).toEqual([
      { topic: 'chat.1', from: 1, to: 2, position: `${epoch}:2`, reason: 'except' },
      { topic: 'chat.1', from: 4, to: 4, position, reason: 'except' },
    ]);
    const kinds = speaker.client.frames.slice(1).map(({ event, topic }) => event ?? topic);
    expect(kinds.slice(0, 3)).toEqual(['gap', 'chat.1', 'gap']);
  });

  it('leaves each out of its own in one batch', async () => {
    const { broadcaster, join } = await start();
    const members = [await join(), await join(), await join(undefined, ['fanout.v1.json'])];
    for (let i = 0; i < 9; i++) {
      expect(broadcaster.publish('chat.1', i, { except: members[i % 3]!.connection })).toBe(2);
    }
    await settle(broadcaster, ...members.map(({ client }) => client));
    members.forEach(({ client }, m) =>
      expect(said(client)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].filter(i => i % 3 !== m)),
    );
  });

  it('counts everybody when `except` is nobody here', async () => {
    const { broadcaster, join } = await start();
    const { client, connection } = await join();
    expect(broadcaster.publish('chat.1', 1, { except: 'nobody' })).toBe(1);
    await client.request('unsubscribe', { topic: 'chat.1' });
    const other = await join();
    expect(broadcaster.publish('chat.1', 2, { except: connection })).toBe(1);
    await other.client.until(() => said(other.client).includes(2));
  });

  it('does nothing the second time that a key is given, and says what it said the first time', async () => {
    const { broadcaster, join } = await start();
    const { client } = await join();
    const once = { idempotencyKey: 'order 7' };
    expect(broadcaster.publish('chat.1', 'first', once)).toBe(1);
    const position = await broadcaster.position('chat.1');
    await join();
    broadcaster.publish('chat.1', 'other');
    expect(broadcaster.publish('chat.1', 'again', once)).toBe(1);
    await expect(broadcaster.publishConfirmed('chat.1', 'again', once)).resolves.toBe(position);
    await settle(broadcaster, client);
    expect(said(client)).toEqual(['first', 'other']);
  });

  it.each([{ ttl: 0 }, { ttl: Infinity }, { idempotencyKey: '' }, { idempotencyKey: 'x'.repeat(256) }])(
    'throws FANOUT_PUBLISH_OPTION for %j, and nothing was published',
    async options => {
      const { broadcaster, join } = await start();
      await join();
      const before = await broadcaster.position('chat.1');
      const refused = expect.objectContaining({ code: 'FANOUT_PUBLISH_OPTION' });
      expect(() => broadcaster.publish('chat.1', 1, options)).toThrow(refused);
      await expect(broadcaster.publishConfirmed('chat.1', 1, options)).rejects.toThrow(refused);
      expect(await broadcaster.position('chat.1')).toBe(before);
    },
  );

  it.each([
    ['FANOUT_TOPIC_NAME', 'chat..1', 1],
    ['FANOUT_TOPIC_NAME', '', 1],
    ['FANOUT_PAYLOAD', 'chat.1', undefined],
    ['FANOUT_PAYLOAD', 'chat.1', () => {}],
    ['FANOUT_PAYLOAD', 'chat.1', 1n],
  ])('throws %s for the fault of its caller, and publishes nothing', async (code, topic, data) => {
    const { broadcaster, join } = await start();
    const { client } = await join();
    expect(() => broadcaster.publish(topic, data)).toThrow(expect.objectContaining({ code }));
    broadcaster.publish('chat.1', 'next');
    expect(await client.next(frame => frame.topic === 'chat.1')).toEqual({
      topic: 'chat.1',
      offset: 1,
      data: 'next',
    });
  });

  it('keeps the order of topic and connection, whatever the load', async () => {
    const { broadcaster, join } = await start();
    const members = [await join(), await join(undefined, ['fanout.v1.json'])];
    const all = Array.from({ length: 3000 }, (_, i) => i);
    for (const i of all) {
      broadcaster.publish('chat.1', i);
      if (i % 100 === 0) await new Promise(resolve => setImmediate(resolve));
    }
    for (const { client } of members) {
      await client.until(() => said(client).length === all.length);
      expect(said(client)).toEqual(all);
    }
  });
});

describe('Broadcaster#publishConfirmed', () => {
  it('resolves with the position', async () => {
    const { broadcaster, join } = await start();
    const { client } = await join();
    const position = await broadcaster.publishConfirmed('chat.1', 'sure');
    expect(position).toBe(await broadcaster.position('chat.1'));
    expect(position).toMatch(/:1$/);
    await client.until(() => said(client).length === 1);
  });
});

describe('Broadcaster#flush', () => {
  it('resolves when what was published is with the kernel', async () => {
    const { broadcaster, join } = await start();
    const { client, connection } = await join();
    for (let i = 0; i < 10; i++) broadcaster.publish('chat.1', 'x'.repeat(100_000));
    await broadcaster.flush();
    expect(connection.bufferedBytes).toBe(0);
    await client.until(() => said(client).length === 10);
    await broadcaster.flush();
  });
});

describe('Broadcaster#disconnect', () => {
  it('closes one connection, after what was sent to it', async () => {
    const { broadcaster, join } = await start();
    const [leaving, staying] = [await join(), await join()];
    broadcaster.publish('chat.1', 'before');
    leaving.connection.send('farewell', { last: 'words' });
    await broadcaster.flush();
    expect(await broadcaster.disconnect({ connection: leaving.connection.id })).toBe(1);
    expect(await leaving.client.closed).toEqual(CLOSE.REMOVED);
    expect(said(leaving.client)).toEqual(['before']);
    expect(leaving.client.frames.at(-1)).not.toHaveProperty('code');
    expect(leaving.client.frames).toContainEqual({ event: 'farewell', data: { last: 'words' } });
    expect(broadcaster.publish('chat.1', 'after')).toBe(1);
    await staying.client.until(() => said(staying.client).length === 2);
    expect(await broadcaster.disconnect({ connection: leaving.connection.id })).toBe(0);
  });

  it('closes every connection of a user, with the close it is given', async () => {
    const { broadcaster, join } = await start();
    const ann = [await join('ann'), await join('ann')];
    const bob = await join('bob');
    expect(await broadcaster.disconnect({ user: 'ann' }, { code: 4321, reason: 'ändern' })).toBe(2);
    for (const { client } of ann) expect(await client.closed).toEqual({ code: 4321, reason: 'ändern' });
    expect((await bob.client.request('ping')).event).toBe('pong');
    expect(await broadcaster.disconnect({ user: 'nobody' })).toBe(0);
  });

  it('refuses a bad target and a close that may not be sent', async () => {
    const { broadcaster, join } = await start();
    const { client } = await join('ann');
    for (const target of [{}, null, 'ann', { connection: 5 }, { user: {} }]) {
      await expect(broadcaster.disconnect(target as never)).rejects.toThrow(
        expect.objectContaining({ code: 'FANOUT_TARGET' }),
      );
    }
    for (const close of [
      { code: 1006, reason: '' },
      { code: 4000, reason: 'x'.repeat(124) },
    ]) {
      await expect(broadcaster.disconnect({ user: 'ann' }, close)).rejects.toThrow(
        expect.objectContaining({ code: 'FANOUT_CLOSE' }),
      );
    }
    expect((await client.request('ping')).event).toBe('pong');
  });
});

describe('Broadcaster#unsubscribe', () => {
  it('ends a subscription of one connection, or of every one of a user, and tells the client', async () => {
    const { broadcaster, join } = await start();
    const ann = [await join('ann'), await join('ann')];
    const bob = await join('bob');
    expect(await broadcaster.unsubscribe({ connection: bob.connection.id }, 'chat.1')).toBe(1);
    expect(await broadcaster.unsubscribe({ connection: bob.connection.id }, 'chat.1')).toBe(0);
    expect(broadcaster.subscribers('chat.1')).toBe(2);
    expect(await broadcaster.unsubscribe({ user: 'ann' }, 'chat.1')).toBe(2);
    expect(broadcaster.publish('chat.1', 'nobody')).toBe(0);
    for (const { client } of [...ann, bob]) {
      expect(await client.next(frame => frame.event === 'unsubscribed')).toStrictEqual({
        event: 'unsubscribed',
        data: { topic: 'chat.1' },
      });
      await settle(broadcaster, client);
      expect(said(client)).toEqual([]);
    }
  });
});
