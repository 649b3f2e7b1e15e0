import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

@WebSocketGateway({ path: '/room' })
class Gateway {
  @Topic('room.:id')
  room(): void {}

  @SubscribeMessage('ping-like')
  pingLike(): string {
    return 'ok';
  }
}

async function start() {
  const { url, get } = await startApp({
    providers: [Gateway],
    options: { limits: { topicsPerConnection: 1 } },
  });
  const connections = get(Connections);
  const connect = async (query = '', protocols?: string[]) => {
    const client = await Client.connect(`${url}/room${query}`, protocols);
    return { client, connection: [...connections].at(-1)! };
  };
  return { connections, broadcaster: get(Broadcaster), connect };
}

describe('Connections', () => {
  it('knows every open connection, by id, by socket and in turn', async () => {
    const { connections, connect } = await start();
    expect(connections.size).toBe(0);
    expect([...connections]).toEqual([]);
    const opened = [await connect(), await connect(), await connect()];
    expect(connections.size).toBe(3);
    expect(new Set([...connections].map(({ id }) => id)).size).toBe(3);
    for (const { connection } of opened) {
      expect(connections.get(connection.id)).toBe(connection);
      expect(connections.of(connection.socket)).toBe(connection);
    }
    expect(connections.get('nobody')).toBeUndefined();
    await opened[1]!.client.close();
    await eventually(() => connections.size === 2, 'the end of one');
    expect(connections.get(opened[1]!.connection.id)).toBeUndefined();
    expect([...connections]).toEqual([opened[0]!.connection, opened[2]!.connection]);
  });

  it('finds the connections of a user, who may change', async () => {
    const { connections, connect } = await start();
    const [one, two, three] = [await connect(), await connect(), await connect()];
    one.connection.user = { id: 'ann' };
    two.connection.user = { sub: 'ann' };
    three.connection.user = 'bob';
    expect([...connections.ofUser('ann')]).toEqual([one.connection, two.connection]);
    expect([...connections.ofUser('bob')]).toEqual([three.connection]);
    expect([...connections.ofUser('nobody')]).toEqual([]);
    two.connection.user = { id: 7 };
    expect([...connections.ofUser('ann')]).toEqual([one.connection]);
    expect([...connections.ofUser(7)]).toEqual([two.connection]);
    one.client.socket.terminate();
    await eventually(() => [...connections.ofUser('ann')].length === 0, 'the end of one');
  });
});

describe('Connection', () => {
  it('has its handshake, its topics, and no bytes unsent', async () => {
    const { connect } = await start();
    const { client, connection } = await connect('?token=t%20x&a=1');
    expect(connection.handshake).toMatchObject({
      url: '/room?token=t%20x&a=1',
      path: '/room',
      ip: '127.0.0.1',
    });
    expect(connection.handshake.query).toEqual({ token: 't x', a: '1' });
    await client.subscribe('room.1');
    expect([...connection.topics]).toEqual(['room.1']);
    await eventually(() => connection.bufferedBytes === 0, 'the departure of the answer');
    expect(Date.now() - connection.lastSeen).toBeLessThan(5000);
  });

  describe('#send', () => {
    it('sends an event, in order with publications', async () => {
      const { connect, broadcaster } = await start();
      const { client, connection } = await connect();
      await client.subscribe('room.1');
      broadcaster.publish('room.1', 1);
      await broadcaster.flush();
      expect(connection.send('note', { text: 'für dich' })).toBe(true);
      expect(connection.send('bare')).toBe(true);
      await client.next(frame => frame.event === 'bare');
      expect(client.frames.slice(1)).toStrictEqual([
        { topic: 'room.1', offset: 1, data: 1 },
        { event: 'note', data: { text: 'für dich' } },
        { event: 'bare' },
      ]);
    });

    it('throws for what is no event, and returns false when the connection is closing', async () => {
      const { connect } = await start();
      const { connection } = await connect();
      expect(() => connection.send('')).toThrow(expect.objectContaining({ code: 'FANOUT_EVENT' }));
      expect(() => connection.send('n', 1n)).toThrow(expect.objectContaining({ code: 'FANOUT_EVENT' }));
      connection.close();
      expect(connection.send('late')).toBe(false);
    });
  });

  describe('#subscribe', () => {
    it('subscribes from the server, past the limit and any @Topic, and tells the client', async () => {
      const { connect, broadcaster } = await start();
      const { client, connection } = await connect();
      await client.subscribe('room.1');
      expect(connection.subscribe('private.of-ann')).toBe(true);
      expect(connection.subscribe('private.of-ann')).toBe(false);
      expect(broadcaster.publish('private.of-ann', 'psst')).toBe(1);
      await client.until(() => client.publications('private.of-ann').length === 1);
      expect(client.frames.slice(1)).toStrictEqual([
        {
          event: 'subscribed',
          data: { topic: 'private.of-ann', position: expect.stringMatching(/:0$/) },
        },
        { topic: 'private.of-ann', offset: 1, data: 'psst' },
      ]);
      expect([...connection.topics].sort()).toEqual(['private.of-ann', 'room.1']);
    });

    it('throws for a bad name, and returns false when the connection is closing', async () => {
      const { connect, broadcaster } = await start();
      const { connection } = await connect();
      expect(() => connection.subscribe('b@d name')).toThrow(
        expect.objectContaining({ code: 'FANOUT_TOPIC_NAME' }),
      );
      connection.close();
      expect(connection.subscribe('room.1')).toBe(false);
      expect(broadcaster.subscribers('room.1')).toBe(0);
    });
  });

  describe('#unsubscribe', () => {
    it('ends a subscription and tells the client', async () => {
      const { connect, broadcaster } = await start();
      const { client, connection } = await connect();
      await client.subscribe('room.1');
      expect(connection.unsubscribe('room.1')).toBe(true);
      expect(connection.unsubscribe('room.1')).toBe(false);
      expect(broadcaster.publish('room.1', 'nobody')).toBe(0);
      expect(await client.next(frame => frame.event === 'unsubscribed')).toStrictEqual({
        event: 'unsubscribed',
        data: { topic: 'room.1' },
      });
      expect(connection.topics.size).toBe(0);
    });
  });

  describe('#close', () => {
    it.each([
      ['1000 by default', undefined, undefined, { code: 1000, reason: '' }],
      ['with code and reason', 4400, 'genug', { code: 4400, reason: 'genug' }],
    ])('closes %s, after what was sent', async (_, code, reason, outcome) => {
      const { connect } = await start();
      const { client, connection } = await connect();
      connection.send('last');
      connection.close(code, reason);
      expect(await client.closed).toEqual(outcome);
      expect(client.frames).toEqual([{ event: 'last' }]);
    });

    it('refuses a code that may not be sent', async () => {
      const { connect } = await start();
      const { client, connection } = await connect();
      for (const [code, reason] of [
        [999, ''],
        [1005, ''],
        [5000, ''],
        [4000, 'ä'.repeat(62)],
      ] as const) {
        expect(() => connection.close(code, reason)).toThrow(
          expect.objectContaining({ code: 'FANOUT_CLOSE' }),
        );
      }
      expect((await client.request('ping')).event).toBe('pong');
    });
  });
});

describe('ping', () => {
  it('is answered with pong, with and without an id', async () => {
    const { connect } = await start();
    const { client } = await connect();
    client.send({ event: 'ping' });
    expect(await client.next(() => true)).toStrictEqual({ event: 'pong' });
    client.send({ event: 'ping', id: 'p', data: 'ignored' });
    expect(await client.next(frame => frame.id === 'p')).toStrictEqual({ event: 'pong', id: 'p' });
  });
});
