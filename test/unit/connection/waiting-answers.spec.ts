import { AsyncLocalStorage } from 'node:async_hooks';
import { beforeEach, describe, expect, it } from 'vitest';
import { CLOSE } from '../../../lib/errors/close-codes.js';
import { Core, type Peer } from '../../support/unit/core.js';

const GRACE = 1000;

/** Bytes that may be unsent. */
const MOST = 80_000;

/** More than may be unread when the next answer is made. */
const LARGE = 'x'.repeat(90_000);

let core: Core;
let peer: Peer;
let connection: Peer['connection'];
let done: string[];

beforeEach(() => {
  core = new Core({ maxUnsentBytes: MOST, grace: GRACE });
  peer = core.connect();
  ({ connection } = peer);
  peer.socket.stalled = true;
  done = [];
});

/** Gives a large answer now or later, as the gateway does. */
function answer(name: string): void {
  const act = (): void => {
    done.push(name);
    connection.answer(JSON.stringify([name, LARGE]));
  };
  if (connection.full) void connection.whenRead(act);
  else act();
}

describe('a connection', () => {
  it('has room for the next answer while the socket takes them, however large they are', () => {
    peer.socket.stalled = false;
    for (const name of ['a', 'b', 'c']) answer(name);
    expect(done).toEqual(['a', 'b', 'c']);
    expect(connection.full).toBe(false);
    expect(peer.socket.frames).toHaveLength(3);
  });

  it('has room while no more is unread than may be unsent', () => {
    connection.answer('x'.repeat(MOST - 10));
    core.clock.turn();
    expect(connection.full).toBe(false);
    connection.answer('x');
    expect(connection.full).toBe(true);
  });

  it('has room whatever else it is sent', () => {
    connection.answer('x');
    for (let i = 0; i < 9; i++) connection.send('tick', 'x'.repeat(10_000));
    core.clock.turn();
    expect(connection.full).toBe(false);
  });

  it('has none for the next answer after what a handler has sent', () => {
    connection.handlerBegins();
    connection.send('data', LARGE);
    connection.handlerEnds();
    expect(connection.full).toBe(true);
  });

  it('is not closed for what handlers have sent, each as much as may be unsent', () => {
    connection.send('x'.repeat(600));
    core.clock.turn();
    for (let i = 0; i < 3; i++) connection.handlerBegins();
    for (let i = 0; i < 3; i++) connection.send('data', 'x'.repeat(MOST - 100));
    core.clock.turn();
    expect(peer.ws.closes).toEqual([]);
    for (let i = 0; i < 3; i++) connection.handlerEnds();
    for (let i = 0; i < 3; i++) connection.send('data', 'x'.repeat(MOST - 100));
    core.clock.turn();
    expect(peer.ws.closes).toEqual([CLOSE.SLOW]);
  });

  it('is closed for what one handler sends in a loop', () => {
    connection.send('x'.repeat(600));
    core.clock.turn();
    connection.handlerBegins();
    for (let i = 0; i < 9; i++) connection.send('data', 'x'.repeat(30_000));
    core.clock.turn();
    expect(peer.ws.closes).toEqual([CLOSE.SLOW]);
  });

  it('has room when it is closing: nothing is sent any more', () => {
    answer('a');
    connection.close();
    expect(connection.full).toBe(false);
  });
});

/** Bytes of an answer on the wire. */
const FRAME = 10 + JSON.stringify(['a', LARGE]).length;

describe('WaitingAnswers', () => {
  it('lets each answer wait until the one before is read, in order, and closes nobody', () => {
    for (const name of ['a', 'b', 'c', 'd']) answer(name);
    for (const expected of ['a', 'ab', 'abc']) {
      peer.socket.drain(FRAME - 1);
      expect(done.join('')).toBe(expected);
      expect(connection.bufferedBytes).toBeLessThanOrEqual(FRAME);
      peer.socket.drain(1);
    }
    core.clock.turn();
    peer.socket.drain();
    expect(done.join('')).toBe('abcd');
    expect(peer.socket.frames.map(([name]) => name)).toEqual(['a', 'b', 'c', 'd']);
    expect(peer.ws.closes).toEqual([]);
  });

  it('goes on for as long as there is room', () => {
    answer('a');
    const small = (name: string): unknown =>
      connection.whenRead(() => {
        done.push(name);
        connection.answer('x'.repeat(30_000));
      });
    for (const name of ['b', 'c', 'd', 'e']) small(name);
    peer.socket.drain(FRAME);
    expect(done.join('')).toBe('abcd');
    peer.socket.drain();
    expect(done.join('')).toBe('abcde');
  });

  it('waits only for what was unread when it began to wait, whatever else is sent meanwhile', () => {
    answer('a');
    answer('b');
    for (let i = 0; i < 7; i++) connection.send('tick', 'x'.repeat(10_000));
    core.clock.turn();
    peer.socket.drain(FRAME);
    expect(done.join('')).toBe('ab');
  });

  it('asks again when an answer came while the socket was asked', () => {
    answer('a');
    answer('b');
    connection.answer(LARGE);
    core.clock.turn();
    peer.socket.drain(FRAME);
    expect(done.join('')).toBe('a');
    peer.socket.drain(FRAME);
    expect(done.join('')).toBe('ab');
  });

  it.each([false, true])(
    'lets publications have their turn between two answers (encrypted: %s)',
    encrypted => {
      Object.assign(peer.socket, { encrypted });
      connection.subscribe('t');
      for (const name of ['a', 'b', 'c']) answer(name);
      core.broadcaster.publish('t', 1);
      core.clock.advance(100);
      core.clock.turn();
      peer.socket.drain(FRAME);
      expect(done.join('')).toBe('ab');
      core.clock.turn();
      for (let i = 0; i < 5; i++) {
        peer.socket.drain();
        core.clock.turn();
      }
      const order = peer.socket.frames.map(
        frame => (Array.isArray(frame) ? frame[0] : frame.topic) as string,
      );
      expect(order).toEqual(['a', 't', 'b', 'c']);
    },
  );

  it('waits for work that takes time before it goes on', async () => {
    answer('a');
    let end!: () => void;
    const slow = connection.whenRead(() => new Promise(resolve => (end = resolve)));
    answer('b');
    peer.socket.drain();
    expect(done.join('')).toBe('a');
    end();
    await slow;
    expect(done.join('')).toBe('ab');
  });

  it('goes on behind work that waits here itself', async () => {
    answer('a');
    const slow = connection.whenRead(async () => {
      answer('b');
      await connection.whenRead(() => void done.push('c'));
    });
    answer('d');
    peer.socket.drain();
    await slow;
    peer.socket.drain();
    expect(done.join('')).toBe('abdc');
  });

  it('goes on after work that fails, and tells who gave it', async () => {
    answer('a');
    const failing = [
      connection.whenRead(() => expect.unreachable('thrown')),
      connection.whenRead(() => Promise.reject(new Error('rejected'))),
    ];
    answer('b');
    peer.socket.drain();
    await expect(failing[0]).rejects.toThrow('thrown');
    await expect(failing[1]).rejects.toThrow('rejected');
    expect(done.join('')).toBe('ab');
  });

  it('does everything when the connection has ended', async () => {
    answer('a');
    const waiting = [1, 2].map(() => connection.whenRead(() => void done.push('gone')));
    core.disconnect(peer);
    await Promise.all(waiting);
    expect(done).toEqual(['a', 'gone', 'gone']);
    core.clock.advance(GRACE * 2);
    expect(core.clock.timers).toBe(0);
  });

  it('closes a connection that reads nothing for the time of grace, and none that reads something', () => {
    answer('a');
    answer('b');
    for (let i = 0; i < 10; i++) {
      core.clock.advance(GRACE * 0.9);
      peer.socket.drain(1);
    }
    expect(peer.ws.closes).toEqual([]);
    core.clock.advance(GRACE * 1.5);
    expect(peer.ws.closes).toEqual([CLOSE.SLOW]);
    expect(done).toEqual(['a']);
  });

  it('watches nobody any more who has read', () => {
    answer('a');
    answer('b');
    peer.socket.drain(FRAME);
    expect(done.join('')).toBe('ab');
    core.clock.advance(GRACE * 3);
    expect(peer.ws.closes).toEqual([]);
  });

  it('does the work in the context of who gave it', () => {
    const context = new AsyncLocalStorage<string>();
    let seen: string | undefined;
    answer('a');
    context.run('mine', () => void connection.whenRead(() => void (seen = context.getStore())));
    context.run('other', () => peer.socket.drain());
    expect(seen).toBe('mine');
  });
});
