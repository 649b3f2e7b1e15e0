import { beforeEach, describe, expect, it } from 'vitest';
import { userIdOf } from '../../../lib/connection/connection-registry.js';
import { Core, type Peer } from '../../support/unit/core.js';

let core: Core;

beforeEach(() => {
  core = new Core();
});

function connect(user?: unknown): Peer {
  const peer = core.connect();
  if (user !== undefined) peer.connection.user = user;
  return peer;
}

const ofUser = (id: string | number): unknown[] => [...core.connections.ofUser(id)];

describe('ConnectionRegistry', () => {
  it('finds a connection by its id and its socket, and iterates each once', () => {
    const [a, b] = [connect(), connect()];
    expect(core.connections.size).toBe(2);
    expect(core.connections.get(a.connection.id)).toBe(a.connection);
    expect(core.connections.of(b.connection.socket)).toBe(b.connection);
    expect([...core.connections]).toEqual([a.connection, b.connection]);
    expect(core.connections.get('nobody')).toBeUndefined();
    expect(core.connections.of({} as never)).toBeUndefined();
  });

  it('forgets a connection that ended, except by its socket: a handler may still be running', () => {
    const peer = connect({ id: 1 });
    core.disconnect(peer);
    expect(core.connections.size).toBe(0);
    expect(core.connections.get(peer.connection.id)).toBeUndefined();
    expect(ofUser(1)).toEqual([]);
    expect(core.connections.of(peer.connection.socket)).toBe(peer.connection);
  });

  describe('#ofUser', () => {
    it('gives every connection of a user, whether the id is a number or its digits', () => {
      const [a, b] = [connect({ id: 1 }), connect({ id: '1' })];
      connect({ id: 2 });
      expect(ofUser(1)).toEqual([a.connection, b.connection]);
      expect(ofUser('1')).toEqual([a.connection, b.connection]);
      expect(ofUser('nobody')).toEqual([]);
    });

    it('follows a user that is assigned later, and again', () => {
      const { connection } = connect();
      connection.user = { sub: 'ann' };
      expect(ofUser('ann')).toEqual([connection]);
      connection.user = 'bob';
      expect([ofUser('ann'), ofUser('bob')]).toEqual([[], [connection]]);
      connection.user = undefined;
      expect(ofUser('bob')).toEqual([]);
    });

    it('does not take in a connection that has ended', () => {
      const peer = connect();
      core.disconnect(peer);
      peer.connection.user = 'late';
      expect(ofUser('late')).toEqual([]);
    });

    it('keeps one connection when another of the same user ends', () => {
      const [a, b] = [connect('ann'), connect('ann')];
      core.disconnect(a);
      expect(ofUser('ann')).toEqual([b.connection]);
    });
  });
});

describe('userIdOf', () => {
  it.each([
    [{ id: 1, sub: 'x' }, '1'],
    [{ id: 0 }, '0'],
    [{ sub: 'x' }, 'x'],
    [{ id: null, sub: 'x' }, 'x'],
    ['ann', 'ann'],
    [7, '7'],
    [{}, undefined],
    [{ id: {} }, undefined],
    [null, undefined],
    [undefined, undefined],
    [true, undefined],
  ])('of %j is %j', (user, id) => {
    expect(userIdOf(user)).toBe(id);
  });
});
