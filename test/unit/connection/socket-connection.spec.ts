import { beforeEach, describe, expect, it } from 'vitest';
import { CLOSE } from '../../../lib/errors/close-codes.js';
import { batchedJson, plainJson } from '../../../lib/protocol/json-formats.js';
import { Core, type Peer } from '../../support/unit/core.js';

let core: Core;
let peer: Peer;
let connection: Peer['connection'];

beforeEach(() => {
  core = new Core({ maxUnsentBytes: 1000 });
  peer = core.connect();
  ({ connection } = peer);
});

const code = (name: string): object => expect.objectContaining({ code: name });

describe('SocketConnection', () => {
  it('speaks the format of its subprotocol', () => {
    expect(connection.format).toBe(plainJson);
    expect(core.connect('fanout.v1.json').connection.format).toBe(batchedJson);
  });

  it('has an id of its own', () => {
    expect(connection.id).toMatch(/^[\w-]{22}$/);
    expect(core.connect().connection.id).not.toBe(connection.id);
  });

  describe('#send', () => {
    it('sends at the end of the turn, all of the turn in one write', () => {
      expect(connection.send('a', { x: 1 })).toBe(true);
      expect(connection.send('b')).toBe(true);
      expect(peer.socket.calls).toBe(0);
      expect(connection.bufferedBytes).toBeGreaterThan(0);
      core.clock.turn();
      expect(peer.socket.calls).toBe(1);
      expect(peer.socket.frames).toEqual([{ event: 'a', data: { x: 1 } }, { event: 'b' }]);
      expect(connection.bufferedBytes).toBe(0);
    });

    it('sends nothing once it is closing, and says so', () => {
      connection.close();
      expect(connection.send('a')).toBe(false);
      core.clock.turn();
      expect(peer.socket.frames).toEqual([]);
    });

    it.each([[''], [undefined], [1], [null]])('refuses the event %j', event => {
      expect(() => connection.send(event as string)).toThrow(code('FANOUT_EVENT'));
    });

    it.each([1n, new Map(), () => {}, { toJSON: () => undefined }])(
      'refuses %s as data, and names the event',
      data => {
        expect(() => connection.send('tick', data)).toThrow(code('FANOUT_EVENT'));
        expect(() => connection.send('tick', data)).toThrow('of event "tick"');
      },
    );
  });

  describe('#topics', () => {
    it('names what it is subscribed to, as a snapshot', () => {
      connection.subscribe('a');
      const { topics } = connection;
      connection.subscribe('b');
      expect([...topics]).toEqual(['a']);
      expect([...connection.topics]).toEqual(['a', 'b']);
      connection.unsubscribe('a');
      expect([...connection.topics]).toEqual(['b']);
    });
  });

  describe('#close', () => {
    it('closes with 1000 and no reason, after what was sent', () => {
      connection.send('bye');
      connection.close();
      expect(peer.socket.frames).toEqual([{ event: 'bye' }]);
      expect(peer.ws.closes).toEqual([{ code: 1000, reason: '' }]);
      expect(connection.closedWith).toEqual({ code: 1000, reason: '' });
    });

    it('closes once', () => {
      connection.close(4000, 'first');
      connection.close(4001, 'second');
      expect(peer.ws.closes).toEqual([{ code: 4000, reason: 'first' }]);
      expect(connection.closedWith).toEqual({ code: 4000, reason: 'first' });
    });

    it('refuses what may not be sent, and stays open', () => {
      expect(() => connection.close(1006)).toThrow(code('FANOUT_CLOSE'));
      expect(() => connection.close(4000, 'x'.repeat(124))).toThrow(code('FANOUT_CLOSE'));
      expect(connection.open).toBe(true);
    });

    it('gives up its subscriptions at once, though the socket may take long to end', () => {
      connection.subscribe('a');
      connection.close();
      expect(core.broadcaster.subscribers('a')).toBe(0);
    });

    it('leaves the end of the socket to the closing handshake', () => {
      connection.close();
      expect(peer.socket.ended).toBe(false);
    });
  });

  describe('#closeWithoutAnswer', () => {
    it('ends the socket behind the close frame, after what was sent', () => {
      connection.send('bye');
      connection.closeWithoutAnswer(CLOSE.ABUSE);
      expect(peer.socket.frames).toEqual([{ event: 'bye' }]);
      expect(peer.ws.closes).toEqual([CLOSE.ABUSE]);
      expect(peer.socket.ended).toBe(true);
    });

    it('leaves one alone that is closing already', () => {
      connection.close(4000, 'first');
      connection.closeWithoutAnswer(CLOSE.ABUSE);
      expect([peer.ws.closes, peer.socket.ended]).toEqual([[{ code: 4000, reason: 'first' }], false]);
    });
  });

  it('is closed as slow instead of keeping more than it may', () => {
    peer.socket.stalled = true;
    connection.send('a', 'x'.repeat(900));
    core.clock.turn();
    connection.send('b', 'x'.repeat(66_000));
    core.clock.turn();
    expect(peer.ws.closes).toEqual([CLOSE.SLOW]);
    expect(connection.closedWith).toEqual(CLOSE.SLOW);
  });

  describe('the heartbeat', () => {
    it('takes bytes that came since the last look as a sign of life, and only those', () => {
      connection.lastSeen = 0;
      connection.observe(100);
      expect(connection.lastSeen).toBe(0);
      peer.socket.bytesRead = 5;
      connection.observe(200);
      connection.observe(300);
      expect(connection.lastSeen).toBe(200);
    });

    it('dates what was heard to when it came, and not to the next look', () => {
      peer.socket.bytesRead = 5;
      connection.heard(100);
      expect(connection.observe(200)).toBe(false);
      expect(connection.lastSeen).toBe(100);
      peer.socket.bytesRead = 10;
      connection.answered(300);
      expect(connection.observe(400)).toBe(false);
      expect(connection.lastSeen).toBe(300);
    });

    it('asks for another look soon while parts of a message come', () => {
      connection.lastSeen = 0;
      for (const now of [100, 110, 120]) {
        peer.socket.bytesRead += 5;
        expect(connection.observe(now)).toBe(true);
        expect(connection.lastSeen).toBe(now);
      }
      expect(connection.observe(130)).toBe(false);
      expect(connection.lastSeen).toBe(120);
    });

    it('puts the next ping off for all that comes but a pong', () => {
      const signs: [string, () => void][] = [
        ['a message', () => connection.heard(100)],
        ['a part of one', () => ((peer.socket.bytesRead += 5), connection.observe(100))],
        ['bytes that leave', () => leave(5)],
      ];
      for (const [name, act] of signs) {
        connection.beatPing = 700;
        act();
        expect(connection.beatPing, name).toBe(0);
      }
      connection.beatPing = 700;
      peer.socket.bytesRead += 5;
      connection.answered(200);
      connection.observe(300);
      expect(connection.beatPing).toBe(700);
    });

    /** A write that the kernel does not take at once, and so many bytes of it later. */
    function leave(bytes: number): void {
      peer.socket.stalled = true;
      connection.send('a', 'x'.repeat(900));
      core.clock.turn();
      connection.observe(100);
      peer.socket.drain(bytes);
      connection.observe(200);
    }

    it('takes it as a sign of life that the kernel takes more of a write, and asks for another look', () => {
      peer.socket.stalled = true;
      connection.send('a', 'x'.repeat(900));
      core.clock.turn();
      connection.lastSeen = 0;
      expect(connection.observe(100)).toBe(true);
      expect(connection.lastSeen).toBe(0);
      peer.socket.drain(300);
      expect(connection.observe(200)).toBe(true);
      expect(connection.observe(300)).toBe(true);
      expect(connection.lastSeen).toBe(200);
      core.clock.time = 350;
      peer.socket.drain();
      expect(connection.lastSeen).toBe(350);
      expect(connection.observe(450)).toBe(false);
      expect(connection.lastSeen).toBe(350);
    });

    it('takes nothing from a write that the kernel takes at once, or that follows others', () => {
      connection.lastSeen = 0;
      connection.send('a', 'x'.repeat(900));
      core.clock.turn();
      expect(connection.observe(100)).toBe(false);
      peer.socket.stalled = true;
      for (const now of [200, 300]) {
        connection.send('a', 'x'.repeat(100));
        core.clock.turn();
        expect(connection.observe(now)).toBe(true);
      }
      expect(connection.lastSeen).toBe(0);
    });

    it('takes it as a sign of life that a full socket has drained', () => {
      peer.socket.stalled = true;
      connection.send('a');
      core.clock.turn();
      connection.lastSeen = 0;
      core.clock.time = 100;
      peer.socket.drain();
      expect(connection.lastSeen).toBe(100);
    });

    it('takes nothing from a TLS socket that has drained, which may have had it all to encrypt', () => {
      Object.assign(peer.socket, { encrypted: true });
      connection.lastSeen = 0;
      connection.drained();
      expect(connection.lastSeen).toBe(0);
    });

    it('does not blame a peer that was paused for its silence', () => {
      connection.lastSeen = 0;
      peer.ws.isPaused = true;
      expect(connection.observe(100)).toBe(false);
      expect(connection.lastSeen).toBe(100);
    });

    it('blames a paused peer that does not read what it is sent', () => {
      peer.socket.stalled = true;
      connection.send('a', 'x'.repeat(900));
      core.clock.turn();
      connection.lastSeen = 0;
      peer.ws.isPaused = true;
      expect(connection.observe(100)).toBe(true);
      expect(connection.observe(200)).toBe(true);
      expect(connection.lastSeen).toBe(0);
      peer.socket.drain(300);
      connection.observe(300);
      expect(connection.lastSeen).toBe(300);
    });

    it('pings with an empty frame while it is open', () => {
      connection.ping();
      expect(peer.socket.rawFrames).toMatchObject([{ opcode: 9 }]);
      peer.ws.readyState = 2;
      connection.ping();
      expect(peer.socket.rawFrames).toHaveLength(1);
    });

    it('is terminated when it expires, and says why', () => {
      connection.expire();
      expect(peer.ws).toMatchObject({ terminations: 1, closes: [] });
      expect(connection.closedWith).toEqual(CLOSE.HEARTBEAT);
    });
  });
});
