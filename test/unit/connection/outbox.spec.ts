import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Outbox } from '../../../lib/connection/outbox.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Batch } from '../../../lib/wire/batch.js';
import { FakeSocket, FakeWebSocket } from '../support/fake-socket.js';

let pool: BufferPool;
let ws: FakeWebSocket;
let socket: FakeSocket;
let slow: ReturnType<typeof vi.fn<() => void>>;
let outbox: Outbox;

beforeEach(() => {
  pool = new BufferPool();
  ws = new FakeWebSocket();
  socket = new FakeSocket();
  slow = vi.fn<() => void>();
  outbox = new Outbox(ws, socket, { maxUnsentBytes: 1000, tooSlow: slow });
});

/** A batch of pooled memory, filled with each text; its maker has let go once it was added. */
function add(...texts: string[]): boolean {
  const slabs = texts.map(text => pool.take(text.length));
  texts.forEach((text, i) => slabs[i]!.write(text));
  const buffers = slabs.map((slab, i) => slab.subarray(0, texts[i]!.length));
  const batch = new Batch(buffers, pool, slabs);
  const first = outbox.add(batch);
  batch.release();
  return first;
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
    /** Sends a batch of pooled memory, which its maker lets go of then. */
    function send(...texts: string[]): void {
      const slabs = texts.map(text => pool.take(text.length));
      texts.forEach((text, i) => slabs[i]!.write(text));
      const buffers = slabs.map((slab, i) => slab.subarray(0, texts[i]!.length));
      const batch = new Batch(buffers, pool, slabs);
      outbox.send(batch);
      batch.release();
    }

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

    it('finds a peer slow that has not taken what others wrote to its socket', () => {
      socket.stalled = true;
      socket.write(Buffer.alloc(999));
      send('ab');
      expect(slow).toHaveBeenCalledOnce();
      expect(inUse()).toBe(0);
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
      outbox = new Outbox(ws, socket, { maxUnsentBytes: 1000, tooSlow: slow });
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

  describe('the limit', () => {
    it('lets a peer that has taken everything have more at once than the limit', () => {
      add('x'.repeat(5000));
      outbox.write();
      expect(slow).not.toHaveBeenCalled();
      expect(socket.taken).toHaveLength(5000);
    });

    it('calls a peer slow when more would be unsent than the limit, and writes none of it', () => {
      socket.stalled = true;
      add('x'.repeat(600));
      outbox.write();
      add('y'.repeat(400));
      outbox.write();
      expect(slow).not.toHaveBeenCalled();
      add('z');
      outbox.write();
      expect(slow).toHaveBeenCalledTimes(1);
      expect(outbox.unsent).toBe(1000);
      expect(inUse()).toBe(2);
      socket.drain();
      expect(String(socket.taken)).toBe('x'.repeat(600) + 'y'.repeat(400));
      expect(inUse()).toBe(0);
    });

    it('has let go of what would be too much before it says so, because the answer is to close', () => {
      socket.stalled = true;
      add('x'.repeat(1000));
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
