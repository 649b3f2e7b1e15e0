import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Outbox } from '../../../lib/connection/outbox.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { Batch, PooledSlabs } from '../../../lib/wire/batch.js';
import { textFrame, tokenOf } from '../../../lib/wire/frame.js';
import { webSocketKind } from '../../../lib/connection/web-socket-kind.js';
import { Counters } from '../../../lib/observe/counters.js';
import { FakeSocket, FakeWebSocket } from '../../support/unit/fake-socket.js';
import { textsIn } from '../../support/unit/frames.js';
import { HandClock } from '../../support/unit/hand-clock.js';

const KIB = 1024;

let pool: BufferPool;
let ws: FakeWebSocket;
let socket: FakeSocket;
let clock: HandClock;
let outbox: Outbox;
let pinned: number;
let drained: ReturnType<typeof vi.fn<() => void>>;
let slow: ReturnType<typeof vi.fn<() => void>>;
/** Pings of which the client has answered so many. */
let answered: number;

beforeEach(() => {
  pool = new BufferPool();
  ws = new FakeWebSocket();
  socket = new FakeSocket();
  clock = new HandClock();
  pinned = answered = 0;
  drained = vi.fn<() => void>();
  slow = vi.fn<() => void>();
  outbox = new Outbox(ws, socket, {
    maxUnsentBytes: 1024 * KIB,
    flightTime: 2500,
    firstGrant: () => 8 * KIB,
    clock,
    counters: new Counters(),
    kind: webSocketKind,
    tooSlow: slow,
    drained,
    evict: () => expect.unreachable('evicted'),
    broken: () => ws.terminate(),
    pinned: bytes => void (pinned += bytes),
  });
});

const tokens = (): number[] =>
  socket.rawFrames.filter(({ opcode }) => opcode === 9).map(({ payload }) => tokenOf(payload)!);

/** Pings that wait for an answer. */
const open = (): number => tokens().length - answered;

/** The client has read everything, and answers each ping in turn. */
function answer(): void {
  for (const token of tokens().slice(answered)) {
    answered++;
    outbox.acknowledge(token);
  }
}

/** Answers until nothing more comes. */
function readAll(): void {
  for (let i = 0; i < 1000 && open() > 0; i++) answer();
}

function batchOf(text: string): Batch {
  const frame = textFrame(text);
  const slab = pool.take(frame.length);
  frame.copy(slab);
  return new Batch([slab.subarray(0, frame.length)], new PooledSlabs(pool, [slab]));
}

function send(bytes: number): boolean {
  const batch = batchOf('x'.repeat(bytes - 4));
  const taken = outbox.send(batch);
  batch.release();
  return taken;
}

function reply(text: string): void {
  const batch = batchOf(text);
  outbox.add(batch);
  batch.release();
  outbox.write();
}

const texts = (): string[] => textsIn(socket.taken);
const inUse = (): number => pool.stats().inUse;

/** Something large is answered, so that the client is known to answer. */
function known(): void {
  outbox.ping();
  clock.advance(10);
  answer();
}

describe('Outbox of a bounded line', () => {
  it('sends little without a ping', () => {
    for (let i = 0; i < 8; i++) expect(send(KIB)).toBe(true);
    expect(tokens()).toEqual([]);
  });

  it('sends the first ping in one system call with what no longer is little, and goes on meanwhile', () => {
    for (const bytes of [5, 5, 2]) expect(send(bytes * KIB)).toBe(true);
    expect(socket.rawFrames.map(({ opcode }) => opcode)).toEqual([1, 1, 9, 1]);
    expect(socket.calls).toBe(3);
  });

  it('sends a fast client one ping, and the next when it has read four times as much', () => {
    send(9 * KIB);
    clock.advance(1);
    answer();
    for (let i = 0; i < 30; i++) expect(send(KIB)).toBe(true);
    expect(tokens()).toHaveLength(1);
    for (let i = 0; i < 20; i++) send(KIB);
    expect(tokens()).toHaveLength(2);
  });

  it('takes a first batch of 64 KiB whole, between a ping that asks whether it answers and one behind it', () => {
    expect(send(60 * KIB)).toBe(true);
    expect(socket.rawFrames.map(({ opcode }) => opcode)).toEqual([9, 1, 9]);
  });

  it('has no room when what is under way fills the window, and has it again with the answer', () => {
    known();
    send(30 * KIB);
    expect([outbox.room <= 0, outbox.isReady, outbox.isStuck]).toEqual([true, false, true]);
    expect(send(KIB)).toBe(false);
    outbox.awaitDrain();
    expect(drained).not.toHaveBeenCalled();
    clock.advance(20);
    answer();
    expect(drained).toHaveBeenCalledTimes(1);
    expect([outbox.isReady, outbox.isStuck, outbox.lag]).toEqual([true, false, 20]);
    expect(send(KIB)).toBe(true);
  });

  it('shows in `left` that the client has read, although the socket had nothing left', () => {
    send(30 * KIB);
    const { left } = outbox;
    answer();
    expect(outbox.left).not.toBe(left);
  });

  it('cuts a large reply, and gives what follows after it', () => {
    known();
    const text = 'é'.repeat(450_000);
    reply(text);
    reply('next');
    expect(socket.taken.length).toBeLessThan(100_000);
    expect(outbox.unsent).toBeGreaterThan(800_000);
    expect(pinned).toBeGreaterThan(0);
    readAll();
    expect(texts()).toEqual([text, 'next']);
    expect([outbox.unsent, pinned, inUse()]).toEqual([0, 0, 0]);
  });

  describe('while the socket is not read', () => {
    /** The socket is read or not, and the outbox is told. */
    function pause(isPaused: boolean): void {
      ws.isPaused = isPaused;
      outbox.review();
    }

    it('waits for no answers with what waited for them, and with what comes', () => {
      known();
      const large = 'y'.repeat(900_000);
      reply(large);
      expect(outbox.unsent).toBeGreaterThan(800_000);
      pause(true);
      reply('next');
      expect(texts()).toEqual([large, 'next']);
      expect([outbox.unsent, outbox.isReady, pinned, inUse()]).toEqual([0, true, 0, 0]);
    });

    it('gives publications to a client of which nothing is known', () => {
      ws.isPaused = true;
      for (let i = 0; i < 10; i++) expect(send(60 * KIB)).toBe(true);
      expect(texts()).toHaveLength(10);
    });

    it('tells its owner that there is room, when that was waited for', () => {
      known();
      while (outbox.room > 0) send(30 * KIB);
      outbox.awaitDrain();
      expect(drained).not.toHaveBeenCalled();
      pause(true);
      expect(drained).toHaveBeenCalledTimes(1);
    });

    it('waits for answers again when it is read, and gets its room back with them', () => {
      known();
      pause(true);
      for (let i = 0; i < 10; i++) send(60 * KIB);
      pause(false);
      expect([outbox.isReady, send(KIB)]).toEqual([false, false]);
      outbox.awaitDrain();
      clock.advance(50);
      readAll();
      expect([outbox.isReady, send(KIB)]).toEqual([true, true]);
      expect(drained).toHaveBeenCalledTimes(1);
    });
  });

  it('cuts nothing while ws has a message of the application to write, which would come in between', () => {
    known();
    ws.bufferedAmount = 1;
    const text = 'x'.repeat(900_000);
    reply(text);
    expect(texts()).toEqual([text]);
    ws.bufferedAmount = 0;
    reply(text);
    expect(socket.taken.length).toBeLessThan(1_000_000);
    readAll();
    expect(texts()).toEqual([text, text]);
    expect([outbox.unsent, pinned, inUse()]).toEqual([0, 0, 0]);
  });

  it('keeps no more under way than the window while it does so', () => {
    known();
    reply('y'.repeat(900_000));
    // A line that reads 12.5 bytes a millisecond.
    const most: number[] = [];
    while (open() > 0) {
      const before = socket.taken.length;
      clock.advance(1000);
      answer();
      most.push(socket.taken.length - before);
    }
    expect(texts()).toEqual(['y'.repeat(900_000)]);
    expect(slow).not.toHaveBeenCalled();
  });

  it('closes nobody for many replies in one turn: they go to the socket when only the kernel knows whether the peer reads', () => {
    known();
    for (let i = 0; i < 40; i++) reply('z'.repeat(100_000));
    readAll();
    expect(texts()).toHaveLength(40);
    expect(slow).not.toHaveBeenCalled();
  });

  it('is too slow when the kernel does not take them either', () => {
    known();
    socket.stalled = true;
    for (let i = 0; i < 40; i++) reply('z'.repeat(100_000));
    expect(slow).toHaveBeenCalled();
  });

  it('writes all that waits when nothing may follow, and a close frame then ends whole messages', () => {
    known();
    reply('y'.repeat(900_000));
    outbox.writeLast();
    expect(texts()).toEqual(['y'.repeat(900_000)]);
    expect([outbox.unsent, pinned, inUse()]).toEqual([0, 0, 0]);
  });

  it('tells when the socket has taken what waits', () => {
    known();
    reply('y'.repeat(900_000));
    const done = vi.fn<() => void>();
    outbox.whenTaken(done);
    answer();
    expect(done).not.toHaveBeenCalled();
    readAll();
    expect(done).toHaveBeenCalledTimes(1);
  });

  it.each(['a close', 'an end'])('lets go of everything at %s, though a message was begun', how => {
    known();
    reply('y'.repeat(900_000));
    socket.stalled = true;
    answer();
    ws.readyState = 3;
    if (how === 'a close') outbox.write();
    socket.destroy();
    outbox.end();
    socket.reportLost();
    expect([pinned, inUse(), clock.timers]).toEqual([0, 0, 0]);
  });

  describe('of a client that never answers', () => {
    it('goes on when the answer does not come in time, and cuts nothing', () => {
      reply('y'.repeat(900_000));
      send(KIB);
      expect(texts()).toEqual([]);
      clock.advance(2000);
      expect(texts()).toEqual(['y'.repeat(900_000)]);
      for (let i = 0; i < 100; i++) expect(send(32 * KIB)).toBe(true);
      expect(tokens()).toHaveLength(1);
    });

    it('gets what is published, after the time that a slow line needs for what is under way', () => {
      for (let i = 0; i < 24; i++) send(KIB);
      expect(send(KIB)).toBe(false);
      outbox.awaitDrain();
      clock.advance(3000);
      expect(drained).not.toHaveBeenCalled();
      clock.advance(400);
      expect(drained).toHaveBeenCalledTimes(1);
      expect(send(100 * KIB)).toBe(true);
    });

    it('does not count as one that reads nothing while its first answer is waited for', () => {
      send(30 * KIB);
      expect([outbox.isReady, outbox.isStuck]).toEqual([false, false]);
      outbox.awaitDrain();
      socket.stalled = true;
      clock.advance(10_000);
      send(KIB);
      expect(outbox.isStuck).toBe(true);
    });

    it('is bounded as others are from its first answer on', () => {
      send(30 * KIB);
      outbox.awaitDrain();
      clock.advance(10_000);
      expect(outbox.isReady).toBe(true);
      answer();
      expect(send(100 * KIB)).toBe(false);
    });
  });

  describe('and answers that nobody may gain from', () => {
    it('takes none that was not asked for', () => {
      send(30 * KIB);
      for (let token = 0; token < 1000; token++) expect(outbox.acknowledge(token)).toBe(false);
      expect(outbox.isReady).toBe(false);
    });

    it('takes each once, however often it comes', () => {
      send(30 * KIB);
      const [token] = tokens();
      expect([outbox.acknowledge(token!), outbox.acknowledge(token!)]).toEqual([true, false]);
      answered++;
      const room = outbox.room;
      for (let i = 0; i < 100; i++) outbox.acknowledge(token!);
      expect(outbox.room).toBe(room);
    });
  });

  it('keeps nothing for an idle connection whose heartbeat was answered', () => {
    for (let i = 0; i < 5; i++) {
      outbox.ping();
      clock.advance(30);
      answer();
    }
    expect([outbox.lag, outbox.room, clock.timers]).toEqual([30, Infinity, 0]);
  });

  it('sends through TLS what waits, and lets go when it was encrypted', () => {
    // It has nothing taken when a write returns.
    Object.assign(socket, { encrypted: true, stalled: true });
    outbox.ping();
    const text = 'é'.repeat(200_000);
    reply(text);
    for (let i = 0; i < 100; i++) {
      socket.drain();
      answer();
    }
    expect(texts()).toEqual([text]);
    expect([pinned, inUse()]).toEqual([0, 0]);
  });
});
