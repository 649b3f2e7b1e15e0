import { describe, expect, it } from 'vitest';
import { isPresenceName } from '../../../lib/topic/topic-name.js';
import type { PresenceOptions, TopicOptions } from '../../../lib/options/topic-options.js';
import type { PresencePolicy } from '../../../lib/topic/topic-policy.js';
import { Roster, shown } from '../../support/roster.js';
import { Core, type CoreOptions, type Peer } from '../../support/unit/core.js';

const POLICY: PresencePolicy = { info: undefined, debounce: 200, members: 1000 };

function rig(presence: PresenceOptions = {}, options: CoreOptions = {}): Core {
  const optionsOf = (name: string): TopicOptions =>
    name.startsWith('room') && !isPresenceName(name) ? { presence } : {};
  return new Core({ optionsOf, ...options });
}

/** Connects as a user and subscribes. */
function join(core: Core, user?: unknown, ...topics: string[]): Peer {
  const peer = core.connect();
  peer.connection.user = user;
  for (const topic of topics.length === 0 ? ['room'] : topics) peer.connection.subscribe(topic);
  return peer;
}

/** What the watcher was told, in order. */
const told = ({ socket }: Peer): any[] => socket.frames.map(({ data }) => data);

const joined = (...users: unknown[]): object => ({
  joined: users.map(user => ({ user, connections: 1 })),
  left: [],
});

const left = (...users: unknown[]): object => ({
  joined: [],
  left: users.map(user => ({ user, connections: 0 })),
});

describe('Presence', () => {
  it('knows the members of topics with presence, and of no other', () => {
    const core = rig();
    const ann = join(core, { id: 7 }, 'room', 'other');
    join(core, { sub: '7' });
    join(core, undefined, 'room.2');
    expect(core.broadcaster.presence('room')).toEqual([{ user: 7, connections: 2 }]);
    expect(core.broadcaster.presence('room.2')).toEqual([{ user: null, connections: 1 }]);
    expect(core.broadcaster.presence('other')).toEqual([]);
    expect(core.broadcaster.presence('never')).toEqual([]);
    expect(() => core.broadcaster.presence('no name')).toThrow(
      expect.objectContaining({ code: 'FANOUT_TOPIC_NAME' }),
    );
    core.disconnect(ann);
    expect(core.broadcaster.presence('room')).toEqual([{ user: 7, connections: 1 }]);
  });

  it('does not count a subscription that waits for its answer', () => {
    const core = rig();
    const { connection } = core.connect();
    const subscription = core.topics.hold(connection, 'room');
    expect(core.broadcaster.presence('room')).toEqual([]);
    core.topics.leave(subscription);
    // A socket that turns out to be beyond use while it is answered.
    core.topics.answered(subscription);
    expect(core.broadcaster.presence('room')).toEqual([]);
    expect(core.clock.timers).toBe(0);
    expect(core.presence.size).toBe(0);
  });

  it('publishes what has changed once for each debounce, whoever comes', () => {
    const core = rig();
    const watcher = join(core, undefined, 'room~presence');
    for (const user of ['ann', 'bob', 'cat']) {
      join(core, user);
      core.clock.advance(60);
    }
    core.clock.turn();
    expect(told(watcher)).toEqual([]);
    expect(core.clock.timers).toBe(1);
    core.clock.advance(20);
    core.clock.turn();
    expect(told(watcher)).toEqual([joined('ann', 'bob', 'cat')]);
    expect(core.clock.timers).toBe(0);
  });

  it('keeps no process alive with its timer', () => {
    const core = rig();
    join(core, 'ann');
    expect(core.clock.unreffed.size).toBe(1);
  });

  it('tells nobody of a client that comes back within the debounce', () => {
    const core = rig();
    const watcher = join(core, undefined, 'room~presence');
    const ann = join(core, 'ann');
    core.clock.settle();
    core.disconnect(ann);
    core.clock.advance(199);
    const again = join(core, 'ann');
    core.clock.settle();
    expect(told(watcher)).toEqual([joined('ann')]);
    core.disconnect(again);
    core.clock.settle();
    expect(told(watcher)).toEqual([joined('ann'), left('ann')]);
  });

  it('encodes and keeps nothing when nobody wants to know', () => {
    const core = rig();
    const ann = join(core, 'ann');
    core.clock.settle();
    core.disconnect(ann);
    core.clock.settle();
    expect(core.topics.size).toBe(0);
    expect(core.presence.size).toBe(0);
    expect(core.clock).toMatchObject({ timers: 0, immediates: 0 });
  });

  it('has no publications for a topic whose name leaves no room for the suffix', () => {
    const core = rig();
    const name = `room${'m'.repeat(250)}`;
    join(core, 'ann', name);
    core.clock.settle();
    expect(core.broadcaster.presence(name)).toEqual([{ user: 'ann', connections: 1 }]);
    expect(core.errors).toEqual([]);
  });

  describe('info', () => {
    it('is asked for once for each member, and is what it was then', () => {
      const profile = { name: 'Ann', toJSON: () => ({ name: profile.name }) };
      const asked: unknown[] = [];
      const core = rig({ info: connection => asked.push(connection.user.id) && connection.user.profile });
      const watcher = join(core, undefined, 'room~presence');
      join(core, { id: 1, profile });
      join(core, { id: 1, profile: 'the second does not count' });
      join(core, { id: 2 });
      profile.name = 'Eve';
      expect(asked).toEqual([1, 2]);
      core.clock.settle();
      expect(told(watcher)).toEqual([
        {
          joined: [
            { user: 1, connections: 2, info: { name: 'Ann' } },
            { user: 2, connections: 1 },
          ],
          left: [],
        },
      ]);
      expect(core.broadcaster.presence('room')).toEqual([
        { user: 1, connections: 2, info: { name: 'Ann' } },
        { user: 2, connections: 1 },
      ]);
      expect(core.errors).toEqual([]);
    });

    it.each<[string, () => unknown, string | RegExp]>([
      [
        'throws',
        () => {
          throw new Error('no database');
        },
        'no database',
      ],
      ['gives no JSON', () => 1n, /BigInt/],
      ['gives a promise', async () => Promise.reject(new Error('late')), 'not a promise'],
      ['gives too much', () => 'x'.repeat(16_383), '16384 bytes'],
    ])('that %s leaves a member without, and is logged', async (_, info, message) => {
      const core = rig({ info });
      const watcher = join(core, undefined, 'room~presence');
      join(core, 'ann');
      await Promise.resolve();
      core.clock.settle();
      expect(told(watcher)).toEqual([joined('ann')]);
      expect(core.errors).toEqual([
        {
          error: expect.objectContaining({ message: expect.stringMatching(message) }),
          what: 'A member of topic "room" has no info: presence.info failed',
        },
      ]);
    });

    it('may end the subscription or the connection it is asked for', () => {
      for (const end of ['unsubscribe', 'close'] as const) {
        const core = rig({
          info: connection => (end === 'close' ? connection.close() : connection.unsubscribe('room')),
        });
        join(core, 'ann');
        expect(core.broadcaster.presence('room')).toEqual([]);
        core.clock.settle();
        expect(core.presence.size).toBe(0);
      }
    });

    it('may assign the user', () => {
      const core = rig({ info: connection => (connection.user = 'bob') });
      join(core, 'ann');
      expect(core.broadcaster.presence('room')).toEqual([{ user: 'bob', connections: 1, info: 'bob' }]);
    });
  });

  describe('#userChanged', () => {
    it('is told, also when the new user is there already', () => {
      const core = rig();
      const watcher = join(core, undefined, 'room~presence');
      join(core, 'ann');
      const { connection } = join(core, 'bob');
      core.clock.settle();
      connection.user = 'ann';
      core.clock.settle();
      expect(told(watcher)).toEqual([joined('ann', 'bob'), left('bob')]);
    });

    it('makes a connection one of its new user, in every topic', () => {
      const core = rig({ info: connection => `info of ${connection.user}` });
      const { connection } = join(core, undefined, 'room', 'room.2', 'other');
      join(core, 'ann', 'room.2');
      connection.user = 'ann';
      expect(core.broadcaster.presence('room')).toEqual([
        { user: 'ann', connections: 1, info: 'info of ann' },
      ]);
      expect(core.broadcaster.presence('room.2')).toEqual([
        { user: 'ann', connections: 2, info: 'info of ann' },
      ]);
      connection.user = undefined;
      expect(core.broadcaster.presence('room.2')).toEqual([
        { user: 'ann', connections: 1, info: 'info of ann' },
        { user: null, connections: 1, info: 'info of undefined' },
      ]);
    });

    it('changes nothing where the id is the same', () => {
      let asked = 0;
      const core = rig({ info: () => void asked++ });
      const { connection } = join(core, { id: 1 });
      core.clock.settle();
      connection.user = { id: '1', name: 'new' };
      expect(core.clock.timers).toBe(0);
      expect(asked).toBe(1);
    });

    it('finds a connection again whose user object was changed in place', () => {
      const core = rig();
      const user = { id: 1 };
      const peer = join(core, user);
      user.id = 2;
      core.disconnect(peer);
      expect(core.broadcaster.presence('room')).toEqual([]);
    });
  });

  describe('a large topic', () => {
    it('publishes the number only, and the list when it is small again', () => {
      const core = rig({ members: 4 });
      const watcher = join(core, undefined, 'room~presence');
      const peers = Array.from({ length: 5 }, (_, i) => join(core, i));
      core.clock.settle();
      core.disconnect(peers[0]!);
      core.clock.settle();
      core.disconnect(peers[1]!);
      core.clock.settle();
      core.disconnect(peers[2]!);
      core.clock.settle();
      expect(told(watcher)).toEqual([
        { occupancy: 5 },
        { occupancy: 4 },
        {
          members: [
            { user: 2, connections: 1 },
            { user: 3, connections: 1 },
            { user: 4, connections: 1 },
          ],
        },
        left(2),
      ]);
    });
  });

  describe('what does not fit into one publication', () => {
    it('becomes several, in which a changed member leaves first', () => {
      let version = 'a';
      const core = rig({ info: () => version.repeat(300) }, { maxUnsentBytes: 1024 });
      const watcher = join(core, undefined, 'room~presence');
      const peers = Array.from({ length: 5 }, (_, i) => join(core, i));
      core.clock.settle();
      version = 'b';
      for (const peer of peers.slice(0, 3)) core.disconnect(peer);
      for (let i = 0; i < 3; i++) join(core, i);
      core.clock.settle();
      const roster = new Roster({ members: [] });
      for (const change of told(watcher)) roster.take(change);
      expect(roster.seen).toEqual(shown(core.broadcaster.presence('room')));
      expect(told(watcher).length).toBeGreaterThan(4);
      expect(core.errors).toEqual([]);
    });

    it('holds for the list of a topic that is small again', () => {
      const core = rig({ members: 5, info: () => 'x'.repeat(300) }, { maxUnsentBytes: 1024 });
      const watcher = join(core, undefined, 'room~presence');
      const peers = Array.from({ length: 6 }, (_, i) => join(core, i));
      core.clock.settle();
      for (const peer of peers.slice(0, 2)) core.disconnect(peer);
      core.clock.settle();
      const roster = new Roster({ members: [] });
      for (const change of told(watcher)) roster.take(change);
      expect(told(watcher)[0]).toEqual({ occupancy: 6 });
      expect(roster.seen).toEqual(shown(core.broadcaster.presence('room')));
    });

    it('and cannot be divided is logged', () => {
      const core = rig({}, { maxUnsentBytes: 64 });
      const watcher = join(core, undefined, 'room~presence');
      join(core, 'u'.repeat(60));
      core.clock.settle();
      expect(told(watcher)).toEqual([]);
      expect(core.errors).toEqual([
        {
          error: expect.objectContaining({ code: 'FANOUT_PAYLOAD_SIZE' }),
          what: 'The presence on topic "room~presence" could not be published',
        },
      ]);
    });
  });

  describe('#announced', () => {
    it('settles when the changes are published, for all who wait', async () => {
      const core = rig();
      expect(core.presence.announced('room')).toBeUndefined();
      join(core, 'ann');
      let snapshot: unknown;
      const waits = core.presence.announced('room')!;
      expect(core.presence.announced('room')).toBe(waits);
      void waits.then(() => (snapshot = core.presence.told('room', POLICY)));
      await Promise.resolve();
      expect(snapshot).toBeUndefined();
      core.clock.advance(200);
      await waits;
      expect(snapshot).toEqual({ members: [{ user: 'ann', connections: 1 }] });
      expect(core.presence.announced('room')).toBeUndefined();
    });
  });

  describe('#told', () => {
    it('of a topic without members is an empty list, or their number', () => {
      expect(rig().presence.told('room', POLICY)).toEqual({ members: [] });
      expect(rig().presence.told('room', { ...POLICY, members: 0 })).toEqual({ occupancy: 0 });
    });
  });

  describe('#stop', () => {
    it('publishes nothing any more, lets nobody wait, and still knows who is there', async () => {
      const core = rig();
      const watcher = join(core, undefined, 'room~presence');
      const ann = join(core, 'ann');
      const waits = core.presence.announced('room');
      core.presence.stop();
      await waits;
      const bob = join(core, 'bob');
      expect(core.clock.timers).toBe(0);
      core.disconnect(ann);
      bob.connection.user = 'cat';
      expect(core.broadcaster.presence('room')).toEqual([{ user: 'cat', connections: 1 }]);
      expect(core.presence.told('room', POLICY)).toEqual({ members: [{ user: 'cat', connections: 1 }] });
      core.disconnect(bob);
      core.clock.settle();
      expect(told(watcher)).toEqual([]);
      expect(core.presence.size).toBe(0);
    });
  });
});
