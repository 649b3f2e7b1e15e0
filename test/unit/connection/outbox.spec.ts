import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Outbox } from '../../../lib/connection/outbox.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Batch, PooledSlabs } from '../../../lib/wire/batch.js';
import { webSocketKind } from '../../../lib/connection/web-socket-kind.js';
import { Counters } from '../../../lib/observe/counters.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { FakeSocket, FakeWebSocket } from '../../support/unit/fake-socket.js';

/** What is under way to a client is not bounded. */
const UNBOUNDED = {
  flightTime: Infinity,
  firstGrant: () => 2 ** 30 - 1,
  clock: new HandClock(),
  counters: new Counters(),
  kind: webSocketKind,
};

let pool: BufferPool;
let ws: FakeWebSocket;
let socket: FakeSocket;
let slow: ReturnType<typeof vi.fn<() => void>>;
let drained: ReturnType<typeof vi.fn<() => void>>;
/** Bytes that are kept for the socket because it has not taken them. */
let pinned: number;
let outbox: Outbox;

beforeEach(() => {
  pool = new BufferPool();
  ws = new FakeWebSocket();
  socket = new FakeSocket();
  slow = vi.fn<() => void>();
  drained = vi.fn<() => void>();
  pinned = 0;
  outbox = outboxOf(1_048_576);
});

function outboxOf(maxUnsentBytes: number): Outbox {
  const owner = {
    ...UNBOUNDED,
    maxUnsentBytes,
    tooSlow: slow,
    drained,
    pinned: (bytes: number): void => void (pinned += bytes),
    evict: () => expect.unreachable('evicted'),
    broken: () => ws.terminate(),
  };
  return new Outbox(ws, socket, owner);
}

/** A batch of pooled memory, filled with each text. */
function batchOf(...texts: string[]): Batch {
  const slabs = texts.map(text => pool.take(text.length));
  texts.forEach((text, i) => slabs[i]!.write(text));
  const buffers = slabs.map((slab, i) => slab.subarray(0, texts[i]!.length));
  return new Batch(buffers, new PooledSlabs(pool, slabs));
}

/** Adds a batch, which its maker lets go of then. */
function add(...texts: string[]): boolean {
  const batch = batchOf(...texts);
  const first = outbox.add(batch);
  batch.release();
  return first;
}

/** Sends a batch, which its maker lets go of then. */
function send(...texts: string[]): boolean {
  const batch = batchOf(...texts);
  const taken = outbox.send(batch);
  batch.release();
  return taken;
}

const inUse = (): number => pool.stats().inUse;

/** Fills every idle slab with garbage, as the next user of the pool would. */
function reuseSlabs(): void {
  const slabs = Array.from({ length: 20 }, () => pool.take(1024));
  for (const slab of slabs) pool.give(slab.fill('!'));
}

describe('Outbox', () => {
  describe('#add', () => {
    it('says when the sink was empty, so that it is written to once', () => {
      expect([add('a'), add('b'), add('c')]).toEqual([true, false, false]);
      outbox.write();
      expect(add('d')).toBe(true);
    });

    it('keeps the batch, and writes nothing', () => {
      add('a');
      expect(inUse()).toBe(1);
      expect(socket.calls).toBe(0);
      expect(outbox.unsent).toBe(1);
    });

    it.each([0, 2, 3])('refuses a batch when the socket is not open (state %i)', state => {
      ws.readyState = state;
      expect(add('a')).toBe(false);
      expect(inUse()).toBe(0);
      expect(outbox.unsent).toBe(0);
    });
  });

  describe('#send', () => {
    it('writes at once, in one call, and keeps nothing that has left', () => {
      send('abc');
      expect([String(socket.taken), socket.calls, inUse(), outbox.unsent]).toEqual(['abc', 1, 0, 0]);
    });

    it('writes what was gathered first, in the same call', () => {
      add('a');
      send('b');
      expect([String(socket.taken), socket.calls, inUse()]).toEqual(['ab', 1, 0]);
      outbox.write();
      expect(socket.calls).toBe(1);
    });

    it('writes a batch of several buffers in one call', () => {
      send('a', 'b');
      expect([String(socket.taken), socket.calls, inUse()]).toEqual(['ab', 1, 0]);
    });

    it('holds the slab until the kernel has taken the bytes', () => {
      socket.stalled = true;
      send('aaaa');
      send('bbbb');
      reuseSlabs();
      expect([inUse(), outbox.unsent]).toEqual([2, 8]);
      socket.drain();
      expect(String(socket.taken)).toBe('aaaabbbb');
      expect(inUse()).toBe(0);
    });

    it('takes any batch when the socket has taken all it was given', () => {
      expect(send('x'.repeat(60_000), 'y'.repeat(60_000))).toBe(true);
      expect(socket.taken).toHaveLength(120_000);
    });

    it('has no room for more than 64 KiB in flight: what does not fit is not sent, and nobody is closed for it', () => {
      socket.stalled = true;
      expect(send('x'.repeat(60_000))).toBe(true);
      expect(outbox.room).toBe(5_536);
      expect(send('y'.repeat(5_537))).toBe(false);
      expect([outbox.unsent, inUse(), socket.writableLength]).toEqual([60_000, 1, 60_000]);
      expect(send('z'.repeat(5_536))).toBe(true);
      expect(outbox.room).toBe(0);
      expect(send('!')).toBe(false);
      expect(slow).not.toHaveBeenCalled();
      socket.drain();
      expect(String(socket.taken)).toBe('x'.repeat(60_000) + 'z'.repeat(5_536));
      expect([outbox.room, inUse()]).toEqual([Infinity, 0]);
    });

    it('counts what others wrote to its socket, and what was gathered, as in flight', () => {
      socket.stalled = true;
      socket.write(Buffer.alloc(65_000));
      add('x'.repeat(500));
      expect(outbox.room).toBe(36);
      expect(send('y'.repeat(37))).toBe(false);
      expect([outbox.gathered, socket.writableLength]).toEqual([500, 65_000]);
      expect(send('y'.repeat(36))).toBe(true);
      expect([outbox.gathered, socket.writableLength]).toEqual([0, 65_536]);
    });

    it.each([0, 2, 3])('writes nothing when the socket is not open (state %i)', state => {
      ws.readyState = state;
      send('a');
      expect([socket.calls, inUse()]).toEqual([0, 0]);
    });

    it('holds what it gave to a socket that throws, until the end, and terminates it', () => {
      const terminated = vi.spyOn(ws, 'terminate');
      vi.spyOn(socket, 'write').mockImplementation(() => {
        throw new Error('broken');
      });
      send('a');
      expect(terminated).toHaveBeenCalledOnce();
      expect(inUse()).toBe(1);
      outbox.end();
      expect(inUse()).toBe(0);
    });

    it('over TLS lets go when the socket calls back', () => {
      socket = Object.assign(new FakeSocket(), { encrypted: true, stalled: true });
      outbox = outboxOf(1000);
      send('a');
      expect(inUse()).toBe(1);
      socket.drain();
      expect(inUse()).toBe(0);
    });
  });

  describe('#write', () => {
    it('writes one batch of one buffer in one call, and lets go of it when it has left', () => {
      add('abc');
      outbox.write();
      expect(String(socket.taken)).toBe('abc');
      expect(socket.calls).toBe(1);
      expect(inUse()).toBe(0);
      expect(outbox.unsent).toBe(0);
    });

    it('writes several batches, and several buffers of one, in one call and in order', () => {
      add('a');
      add('b', 'c');
      add('d');
      outbox.write();
      expect(String(socket.taken)).toBe('abcd');
      expect(socket.calls).toBe(1);
      expect(inUse()).toBe(0);
      add('e', 'f');
      outbox.write();
      expect(socket.calls).toBe(2);
      expect(String(socket.taken)).toBe('abcdef');
    });

    it('does nothing when there is nothing', () => {
      outbox.write();
      add('a');
      outbox.write();
      outbox.write();
      expect(socket.calls).toBe(1);
    });

    it('holds the slabs until the kernel has taken the bytes, for they are not copied', () => {
      socket.stalled = true;
      add('aaaa', 'bbbb');
      outbox.write();
      reuseSlabs();
      expect(inUse()).toBe(2);
      expect(outbox.unsent).toBe(8);
      socket.drain(6);
      reuseSlabs();
      expect(inUse()).toBe(2);
      socket.drain();
      expect(String(socket.taken)).toBe('aaaabbbb');
      expect(inUse()).toBe(0);
    });

    it('lets go of early batches before late ones', () => {
      socket.stalled = true;
      const left: number[] = [];
      for (const text of ['a', 'b', 'c', 'd']) {
        add(text);
        outbox.write();
      }
      for (let i = 0; i < 4; i++) {
        socket.drain(1);
        reuseSlabs();
        left.push(inUse());
      }
      expect(String(socket.taken)).toBe('abcd');
      expect(left[0]).toBeLessThan(4);
      expect([...left].sort((a, b) => b - a)).toEqual(left);
      expect(left.at(-1)).toBe(0);
    });

    it('asks for one call-back at a time, however much is written meanwhile', () => {
      socket.stalled = true;
      const asked = vi.spyOn(socket, 'write');
      for (let i = 0; i < 50; i++) {
        add('a');
        outbox.write();
      }
      expect(asked.mock.calls.filter(([, done]) => done !== undefined)).toHaveLength(1);
      socket.drain();
      expect(inUse()).toBe(0);
      expect(asked.mock.calls.filter(([, done]) => done !== undefined)).toHaveLength(2);
      expect(String(socket.taken)).toBe('a'.repeat(50));
    });

    it('goes on without call-backs once the socket takes everything again', () => {
      socket.stalled = true;
      add('a');
      outbox.write();
      socket.stalled = false;
      socket.drain();
      const asked = vi.spyOn(socket, 'write');
      add('b');
      outbox.write();
      expect(asked).toHaveBeenCalledTimes(1);
      expect(inUse()).toBe(0);
    });

    it('writes nothing after a close frame, and lets go of what it has', () => {
      add('a');
      ws.readyState = 2;
      outbox.write();
      expect(socket.calls).toBe(0);
      expect(inUse()).toBe(0);
      expect(outbox.unsent).toBe(0);
    });
  });

  describe('#room', () => {
    it('is without end while the socket has taken everything, and once it is not open, when nothing is sent', () => {
      add('a');
      expect(outbox.room).toBe(Infinity);
      outbox.write();
      expect(outbox.room).toBe(Infinity);
      socket.stalled = true;
      send('a');
      expect(outbox.room).toBe(65_535);
      ws.readyState = 2;
      expect(outbox.room).toBe(Infinity);
      expect(send('b')).toBe(true);
      expect(socket.writableLength).toBe(1);
    });
  });

  describe('#left', () => {
    it('changes with each byte that the peer takes, though the write counts as unsent until all of it is taken', () => {
      socket.stalled = true;
      send('aaaa');
      const { left } = outbox;
      socket.drain(1);
      expect(outbox.unsent).toBe(4);
      expect(outbox.left).not.toBe(left);
    });

    it('changes with each write that is taken where the socket has no handle', () => {
      Object.defineProperty(socket, '_handle', { value: null });
      socket.stalled = true;
      send('aaaa');
      send('bb');
      const { left } = outbox;
      socket.drain(4);
      expect(outbox.left).not.toBe(left);
    });
  });

  describe('#awaitDrain', () => {
    it('tells its owner once, when the socket has taken what it was given before', () => {
      socket.stalled = true;
      send('aaaa');
      outbox.awaitDrain();
      outbox.awaitDrain();
      socket.drain(3);
      expect(drained).not.toHaveBeenCalled();
      socket.drain(1);
      expect(drained).toHaveBeenCalledOnce();
      expect(inUse()).toBe(0);
    });

    it('tells of a socket that only others wrote to, and of one that has taken everything', () => {
      socket.stalled = true;
      socket.write(Buffer.alloc(10));
      outbox.awaitDrain();
      socket.drain(9);
      expect(drained).not.toHaveBeenCalled();
      socket.drain();
      expect(drained).toHaveBeenCalledOnce();
      socket.stalled = false;
      outbox.awaitDrain();
      expect(drained).toHaveBeenCalledTimes(2);
    });

    it('tells again and again of a peer that reads slowly while more is written', () => {
      socket.stalled = true;
      send('aaaa');
      for (let i = 1; i <= 3; i++) {
        send('aaaa');
        socket.drain(4);
        expect(drained).toHaveBeenCalledTimes(i);
      }
    });

    it('has let go of what has left before it tells, so that its owner may give more', () => {
      socket.stalled = true;
      send('a');
      drained.mockImplementation(() => expect([inUse(), pinned]).toEqual([0, 0]));
      socket.drain();
      expect(drained).toHaveBeenCalledOnce();
    });

    it.each([0, 2, 3])('asks nothing of a socket that is not open (state %i)', state => {
      ws.readyState = state;
      outbox.awaitDrain();
      socket.drain();
      expect(drained).not.toHaveBeenCalled();
    });

    it('over TLS leaves the batches to the call-backs of their own writes', () => {
      socket = Object.assign(new FakeSocket(), { encrypted: true, stalled: true });
      outbox = outboxOf(1_048_576);
      send('aaaa');
      outbox.awaitDrain();
      send('bbbb');
      socket.drain(4);
      expect(drained).toHaveBeenCalledOnce();
      expect(inUse()).toBe(1);
      socket.drain();
      expect([drained.mock.calls.length, inUse(), pinned]).toEqual([1, 0, 0]);
    });
  });

  describe('what it keeps for a socket that lags', () => {
    it('is counted from the write until the socket has taken it', () => {
      socket.stalled = true;
      add('aaaa');
      expect(pinned).toBe(0);
      outbox.write();
      send('bbb', 'bbb');
      expect(pinned).toBe(10);
      socket.drain(4);
      expect(pinned).toBe(6);
      socket.drain();
      expect(pinned).toBe(0);
    });

    it('is not counted at all for a socket that takes everything', () => {
      const counted = vi.fn();
      const owner = {
        ...UNBOUNDED,
        maxUnsentBytes: 1,
        tooSlow: slow,
        evict: slow,
        drained,
        pinned: counted,
        broken: slow,
      };
      outbox = new Outbox(ws, socket, owner);
      send('aaaa');
      add('b');
      outbox.write();
      expect(counted).not.toHaveBeenCalled();
    });

    it('is counted once for a batch that several lagging sockets share', () => {
      socket.stalled = true;
      const [first, firstSocket] = [outbox, socket];
      socket = Object.assign(new FakeSocket(), { stalled: true });
      const second = outboxOf(1_048_576);
      const batch = batchOf('aaaa');
      for (const each of [first, second]) each.send(batch);
      batch.release();
      expect(pinned).toBe(4);
      firstSocket.drain();
      expect(pinned).toBe(4);
      socket.drain();
      expect([pinned, inUse()]).toEqual([0, 0]);
    });

    it('is counted no more when the socket has ended, though it calls back later', () => {
      socket.stalled = true;
      send('aaaa');
      ws.readyState = 3;
      socket.destroy();
      outbox.end();
      socket.reportLost();
      expect(pinned).toBe(0);
    });
  });

  it('tells its owner that it is too slow, and that others need what it holds', () => {
    const evict = vi.fn<() => void>();
    outbox = new Outbox(ws, socket, {
      ...UNBOUNDED,
      maxUnsentBytes: 1,
      tooSlow: slow,
      evict,
      pinned: () => {},
      drained,
      broken: slow,
    });
    outbox.tooSlow();
    expect([slow.mock.calls.length, evict.mock.calls.length]).toEqual([1, 0]);
    outbox.evict();
    expect([slow.mock.calls.length, evict.mock.calls.length]).toEqual([1, 1]);
  });

  describe('the limit of what is not publications', () => {
    beforeEach(() => {
      outbox = outboxOf(1000);
    });

    it('lets a peer that has taken everything have more at once than the limit', () => {
      add('x'.repeat(5000));
      outbox.write();
      expect(slow).not.toHaveBeenCalled();
      expect(socket.taken).toHaveLength(5000);
    });

    it.each([
      ['what may be in flight', 600, 65_536],
      ['what it was given when it was idle', 100_000, 100_000],
    ])(
      'calls a peer slow when more would be unsent than the limit and %s, and writes none of it',
      (_, first, bulk) => {
        socket.stalled = true;
        add('x'.repeat(first));
        outbox.write();
        add('y'.repeat(bulk + 1000 - first));
        outbox.write();
        expect(slow).not.toHaveBeenCalled();
        add('z');
        outbox.write();
        expect(slow).toHaveBeenCalledTimes(1);
        expect(outbox.unsent).toBe(bulk + 1000);
        expect(inUse()).toBe(2);
        socket.drain();
        expect(String(socket.taken)).toBe('x'.repeat(first) + 'y'.repeat(bulk + 1000 - first));
        expect(inUse()).toBe(0);
      },
    );

    /** An answer for a socket that has not taken what it was given before. */
    function addAnswer(): void {
      socket.stalled = true;
      add('x'.repeat(600));
      outbox.write();
      add('y'.repeat(500_000));
      outbox.asked = 500_000;
    }

    it('does not hold for what the client asked for, beside which there may be as much as ever', () => {
      addAnswer();
      outbox.write();
      add('z'.repeat(1000));
      outbox.write();
      expect(slow).not.toHaveBeenCalled();
      add('!');
      outbox.write();
      expect(slow).toHaveBeenCalledTimes(1);
      expect(outbox.unsent).toBe(501_600);
    });

    it('holds for what comes with an answer in the same write', () => {
      addAnswer();
      add('z'.repeat(65_536 + 1000));
      outbox.write();
      expect(slow).toHaveBeenCalledTimes(1);
    });

    it('holds again when the socket has taken the answer', () => {
      addAnswer();
      outbox.write();
      socket.drain();
      add('x'.repeat(600));
      outbox.write();
      add('z'.repeat(65_536 + 1000));
      outbox.write();
      expect(slow).toHaveBeenCalledTimes(1);
    });

    it('does not hold for the last write', () => {
      socket.stalled = true;
      add('x'.repeat(70_000));
      outbox.write();
      add('y'.repeat(2000));
      outbox.writeLast();
      expect(slow).not.toHaveBeenCalled();
      expect(outbox.unsent).toBe(72_000);
    });

    it('has let go of what would be too much before it says so, because the answer is to close', () => {
      socket.stalled = true;
      add('x'.repeat(1000));
      outbox.write();
      add('x'.repeat(65_536));
      outbox.write();
      slow.mockImplementation(() => outbox.write());
      add('y');
      outbox.write();
      expect(slow).toHaveBeenCalledTimes(1);
    });
  });

  describe('a socket that throws', () => {
    it('is terminated, and its slabs come home', () => {
      socket.throwsAfter = 0;
      add('a');
      expect(() => outbox.write()).not.toThrow();
      expect(ws.terminations).toBe(1);
      outbox.end();
      expect(inUse()).toBe(0);
    });

    it('is terminated also when it has taken a part of the batches, and throws at every call', () => {
      socket.throwsAfter = 1;
      add('a');
      add('b');
      expect(() => outbox.write()).not.toThrow();
      expect(ws.terminations).toBe(1);
      outbox.end();
      expect(inUse()).toBe(0);
    });

    it('is terminated also while it is stalled', () => {
      socket.stalled = true;
      add('a');
      outbox.write();
      socket.throwsAfter = 0;
      add('b');
      expect(() => outbox.write()).not.toThrow();
      expect(ws.terminations).toBe(1);
      outbox.end();
      expect(inUse()).toBe(0);
    });
  });

  describe('#end', () => {
    it('lets go of what was gathered and of what was held', () => {
      socket.stalled = true;
      add('a');
      outbox.write();
      add('b');
      expect(inUse()).toBe(2);
      ws.readyState = 3;
      outbox.end();
      expect(inUse()).toBe(0);
    });

    it('lets go once, though the socket calls back after it, when the slab is somebody else’s', () => {
      socket.stalled = true;
      add('a');
      outbox.write();
      ws.readyState = 3;
      socket.destroy();
      outbox.end();
      const next = pool.take(1);
      socket.reportLost();
      outbox.end();
      expect(inUse()).toBe(1);
      expect(pool.take(1)).not.toBe(next);
    });

    it('keeps nothing that comes after it', () => {
      ws.readyState = 3;
      outbox.end();
      expect(add('a')).toBe(false);
      expect(inUse()).toBe(0);
    });
  });
});
