import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { type Client, eventually } from '../../support/client.js';
import { Roster, shown } from '../../support/roster.js';
import { DEBOUNCE, roomWith, startRooms, Watcher } from '../../support/presence-rooms.js';

const Room = roomWith({ debounce: DEBOUNCE });

/** A handler that takes as long as a test wants. */
@WebSocketGateway({ path: '/rooms' })
class Slow {
  go = (): void => {};
  #ask!: () => void;
  readonly asked = new Promise<void>(resolve => (this.#ask = resolve));

  @SubscribeMessage('slow')
  slow(): Promise<void> {
    this.#ask();
    return new Promise(resolve => (this.go = resolve));
  }
}

/** A member with one connection. */
const one = (user: unknown): object => ({ user, connections: 1 });

describe('the presence of a topic', () => {
  it('is everybody who is there as a snapshot, then who comes and who goes', async () => {
    const { join, connect, broadcaster } = await startRooms([Room]);
    const ann = await join('ann');
    const watcher = await Watcher.of(await connect('watcher'));
    expect(watcher.answer).toMatchObject({
      event: 'subscribed',
      data: { topic: 'room~presence', snapshot: { members: [one('ann')] } },
    });
    const bob = await join({ id: 'bob' });
    await watcher.sees('ann', 'bob');
    await ann.close();
    await watcher.sees('bob');
    await bob.request('unsubscribe', { topic: 'room' });
    await watcher.sees();
    expect(watcher.changes).toEqual([
      { joined: [one('bob')], left: [] },
      { joined: [], left: [{ user: 'ann', connections: 0 }] },
      { joined: [], left: [{ user: 'bob', connections: 0 }] },
    ]);
    expect(await broadcaster.presence('room')).toEqual([]);
  });

  it('holds whoever asks, if it is there, and tells it nothing of itself afterwards', async () => {
    const { join } = await startRooms([roomWith({ debounce: 100 })]);
    const ann = await join('ann');
    const watcher = await Watcher.of(ann);
    expect(watcher.answer.data.snapshot).toEqual({ members: [one('ann')] });
    await join('bob');
    await watcher.sees('ann', 'bob');
    expect(watcher.changes).toEqual([{ joined: [one('bob')], left: [] }]);
  });

  it('can be asked for together with the topic', async () => {
    const { connect } = await startRooms([Room]);
    const client = await connect('ann');
    client.send({ event: 'subscribe', id: 'both', data: { topics: ['room', 'room~presence'] } });
    const answer = await client.next(({ data }) => data?.topic === 'room~presence');
    expect(answer).toMatchObject({ event: 'subscribed', id: 'both' });
    expect(answer.data.snapshot).toEqual({ members: [one('ann')] });
  });

  it('costs those who are there one publication, however many come together', async () => {
    const { connect, join, broadcaster } = await startRooms([roomWith({ debounce: 1000 })]);
    const watcher = await Watcher.of(await connect());
    const clients = await Promise.all(Array.from({ length: 30 }, (_, i) => join(i)));
    const watchers = await Promise.all(clients.map(client => Watcher.of(client)));
    await watcher.sees(...Array.from({ length: 30 }, (_, i) => i));
    expect(watcher.changes).toHaveLength(1);
    for (const { seen, changes } of watchers) {
      expect(changes).toEqual([]);
      expect(seen).toEqual(shown(await broadcaster.presence('room')));
    }
  });

  it('counts the connections of a user as one member', async () => {
    const { join, connect, broadcaster } = await startRooms([Room]);
    const first = await join({ id: 7 });
    const second = await join({ sub: '7' });
    const watcher = await Watcher.of(await connect());
    expect(watcher.answer.data.snapshot).toEqual({ members: [{ user: 7, connections: 2 }] });
    await first.close();
    await eventually(
      async () => (await broadcaster.presence('room'))[0]?.connections === 1,
      'the end of the first',
    );
    await join(8);
    await watcher.sees(7, 8);
    await second.close();
    await watcher.sees(8);
    expect(watcher.changes).toEqual([
      { joined: [one(8)], left: [] },
      { joined: [], left: [{ user: 7, connections: 0 }] },
    ]);
  });

  it('counts each connection without a user for itself', async () => {
    const { join, connect } = await startRooms([Room]);
    const first = await join();
    const watcher = await Watcher.of(await connect());
    await join();
    await join({ name: 'no id' });
    await watcher.sees(null, null, null);
    await first.close();
    await watcher.sees(null, null);
  });

  it('says nothing of a client that comes back within the debounce', async () => {
    const { join, connect } = await startRooms([roomWith({ debounce: 600 })]);
    const before = await join('ann');
    const again = await connect('ann');
    const watcher = await Watcher.of(await connect());
    await before.close();
    await again.subscribe('room');
    await join('bob');
    await watcher.sees('ann', 'bob');
    expect(watcher.changes).toEqual([{ joined: [one('bob')], left: [] }]);
  });

  it('follows a connection to another user', async () => {
    const { join, connect, connections } = await startRooms([Room]);
    await join('ann');
    await join();
    const watcher = await Watcher.of(await connect());
    const connection = [...connections].find(({ user, topics }) => user === undefined && topics.has('room'))!;
    connection.user = { id: 'bob' };
    await watcher.sees('ann', 'bob');
    expect([...connections.ofUser('bob')]).toEqual([connection]);
    connection.user = 'ann';
    await watcher.sees('ann');
    connection.user = undefined;
    await watcher.sees('ann', null);
  });

  it('shows of a member what its info says, of its first connection', async () => {
    const { join, connect, broadcaster } = await startRooms([
      roomWith(({ user, handshake }) => ({ name: user.name, path: handshake.url })),
    ]);
    await join({ id: 1, name: 'Ann' });
    await join({ id: 1, name: 'Ann on the phone' });
    const member = { user: 1, connections: 2, info: { name: 'Ann', path: '/rooms' } };
    expect(await broadcaster.presence('room')).toEqual([member]);
    const watcher = await Watcher.of(await connect());
    expect(watcher.answer.data.snapshot).toEqual({ members: [member] });
  });

  it('goes on without info where that fails, and the subscriber is not hurt', async () => {
    const { join, connect, broadcaster } = await startRooms([
      roomWith({
        info: () => {
          throw new Error('no database');
        },
      }),
    ]);
    const ann = await join('ann');
    const watcher = await Watcher.of(await connect());
    expect(watcher.answer.data.snapshot).toEqual({ members: [one('ann')] });
    broadcaster.publish('room', 'hello');
    await ann.until(() => ann.publications('room').length === 1);
  });

  it('is only a number where there are many, and a list again when there are few', async () => {
    const { join, connect } = await startRooms([roomWith({ debounce: DEBOUNCE, members: 5 })]);
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await join(i));
    const before = await Watcher.of(await connect());
    expect(before.seen).toHaveLength(5);
    clients.push(await join(5));
    await before.client.until(() => before.seen === 6);
    const after = await Watcher.of(await connect());
    expect(after.answer.data.snapshot).toEqual({ occupancy: 6 });
    await clients[0]!.close();
    await after.client.until(() => after.seen === 5);
    await clients[1]!.close();
    for (const watcher of [before, after]) await watcher.sees(2, 3, 4, 5);
    await clients[2]!.close();
    for (const watcher of [before, after]) await watcher.sees(3, 4, 5);
    expect(after.changes.map(change => Object.keys(change))).toEqual([
      ['occupancy'],
      ['members'],
      ['joined', 'left'],
    ]);
  });

  it('can be asked for again: the snapshot and what follows stay one story', async () => {
    const { join, connect } = await startRooms([roomWith({ debounce: 0 })]);
    const client = await connect();
    const here: Client[] = [];
    const coming = Promise.all(Array.from({ length: 50 }, () => join().then(other => here.push(other))));
    const watchers: Watcher[] = [];
    while (here.length < 50 || watchers.length < 4) watchers.push(await Watcher.of(client));
    await coming;
    for (const watcher of watchers) await watcher.sees(...Array.from({ length: 50 }, () => null));
  });

  it('is told with a new snapshot to a client that did not read for too long', async () => {
    const { join, connect, connections, broadcaster } = await startRooms(
      [roomWith({ debounce: 0, info: ({ id }) => id.repeat(200) })],
      { slowConsumer: { maxBytes: 65_536 }, heartbeat: false },
    );
    const client = await connect();
    await client.subscribe('room~presence');
    for (let i = 0; i < 40; i++) await join(i);
    const members = [...connections].filter(({ topics }) => topics.has('room'));
    client.socket.pause();
    // Everybody goes and comes, until that is more than any kernel takes for a socket that nobody reads.
    for (let i = 0; i < 100; i++) {
      for (const act of ['unsubscribe', 'subscribe'] as const) {
        const before = await broadcaster.position('room~presence');
        for (const connection of members) connection[act]('room');
        await eventually(async () => (await broadcaster.position('room~presence')) !== before, 'publication');
      }
    }
    client.socket.resume();
    await client.next(({ event }) => event === 'gap');
    members[0]!.unsubscribe('room');
    const watcher = await Watcher.of(client);
    const { data: gap } = client.frames.findLast(({ event }) => event === 'gap');
    expect(gap.reason).toBe('slow');
    const roster = new Roster(gap.snapshot);
    const to = Number(/\d+$/.exec(gap.position)![0]);
    for (const { offset, data } of client.publications('room~presence')) if (offset > to) roster.take(data);
    expect(roster.seen).toEqual(shown(await broadcaster.presence('room')));
    expect(watcher.seen).toEqual(roster.seen);
  });

  it('is empty in the end, and with nobody there is no topic', async () => {
    const { join, connect, broadcaster, connections } = await startRooms([Room]);
    const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => join(i % 7)));
    const watcher = await Watcher.of(await connect());
    for (const client of clients) client.socket.terminate();
    await watcher.sees();
    await watcher.client.close();
    await eventually(() => connections.size === 0, 'the end of all');
    expect(await broadcaster.presence('room')).toEqual([]);
    expect(broadcaster.subscribers('room~presence')).toBe(0);
  });

  it('is not told any more when the server goes down', async () => {
    const { app, join, connect, broadcaster, get } = await startRooms([roomWith({ debounce: 0 }), Slow]);
    const watcher = await Watcher.of(await connect());
    const ann = await join('ann');
    await join('bob');
    await watcher.sees('ann', 'bob');
    watcher.client.send({ event: 'slow' });
    await get(Slow).asked;
    // It waits for the handler, and the clients are still there.
    const closed = app.close();
    ann.socket.terminate();
    await eventually(async () => (await broadcaster.presence('room')).length === 1, 'the end of ann');
    get(Slow).go();
    await closed;
    await watcher.client.closed;
    expect(watcher.seen).toEqual(shown([{ user: 'ann' }, { user: 'bob' }]));
  });
});
