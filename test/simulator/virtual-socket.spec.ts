import { describe, expect, it } from 'vitest';
import type { Network } from './scenario.js';
import { VirtualSocket } from './virtual-socket.js';

/** A socket in a world of its own, whose time and ticks the test holds. */
function setUp(network: Network, encrypted = false) {
  const ticks: (() => void)[] = [];
  const world = {
    moment: { at: 0, seq: 0 },
    nextTick: (callback: () => void) => void ticks.push(callback),
    calls: 0,
    systemCall: () => void world.calls++,
  };
  const socket = new VirtualSocket(world, network, encrypted);
  return {
    world,
    socket,
    tick: () => ticks.splice(0).forEach(callback => callback()),
    advance: (ms: number) => (world.moment = { at: world.moment.at + ms, seq: 0 }),
    read: () => Buffer.concat(socket.run().map(({ bytes }) => bytes)).toString(),
  };
}

const bytes = (text: string): Buffer => Buffer.from(text);

describe('VirtualSocket', () => {
  it('takes a write at once where there is room, and calls back after the current callback', () => {
    const { socket, tick, read } = setUp({ kind: 'fast' });
    let called = false;
    socket.write(bytes('abc'), () => (called = true));
    expect([socket.writableLength, called]).toEqual([0, false]);
    tick();
    expect(called).toBe(true);
    expect(read()).toBe('abc');
  });

  it('counts a write as unsent until all of it is taken', () => {
    const { socket, advance, read } = setUp({ kind: 'slow', rate: 1, buffer: 2 });
    let called = false;
    socket.write(bytes('abcdef'), () => (called = true));
    expect([socket.writableLength, socket._handle.writeQueueSize]).toEqual([6, 4]);
    advance(2);
    expect(read()).toBe('ab');
    expect([socket.writableLength, socket._handle.writeQueueSize, called]).toEqual([6, 2, false]);
    advance(2);
    expect(read()).toBe('cd');
    expect([socket.writableLength, called]).toEqual([0, true]);
  });

  it('hands over what was written meanwhile in one system call, which counts as one', () => {
    const { world, socket, advance, read } = setUp({ kind: 'slow', rate: 100, buffer: 1 });
    const called: string[] = [];
    for (const text of ['ab', 'c', 'd']) socket.write(bytes(text), () => called.push(text));
    expect(world.calls).toBe(1);
    advance(1);
    expect(read()).toBe('abcd');
    expect([world.calls, called]).toEqual([2, ['ab', 'c', 'd']]);
  });

  it('gathers between cork and uncork', () => {
    const { world, socket, read } = setUp({ kind: 'fast' });
    socket.cork();
    socket.write(bytes('a'));
    socket.write(bytes('b'));
    expect([world.calls, socket.writableLength]).toEqual([0, 2]);
    socket.uncork();
    expect([world.calls, socket.writableLength]).toEqual([1, 0]);
    expect(read()).toBe('ab');
  });

  it('takes nothing at once over TLS', () => {
    const { socket, read } = setUp({ kind: 'fast' }, true);
    socket.write(bytes('a'));
    expect(socket.writableLength).toBe(1);
    expect(read()).toBe('a');
    expect(socket.writableLength).toBe(0);
  });

  it('copies bytes when the kernel takes them, and not before', () => {
    const { socket, advance, read } = setUp({ kind: 'slow', rate: 1, buffer: 1 });
    const memory = bytes('abc');
    socket.write(memory);
    memory.fill('x');
    advance(10);
    expect(read()).toBe('axx');
  });

  it('takes as much as its buffer holds from a peer that is frozen, and never more', () => {
    const { socket, advance, read } = setUp({ kind: 'frozen', buffer: 2 });
    socket.write(bytes('abc'));
    advance(1_000_000);
    expect([read(), socket._handle.writeQueueSize]).toEqual(['', 1]);
  });

  it('calls back for what it lost when its loss is reported', () => {
    const { socket } = setUp({ kind: 'frozen', buffer: 1 });
    let called = false;
    socket.write(bytes('abc'), () => (called = true));
    socket.destroy();
    expect(called).toBe(false);
    socket.reportLost();
    expect(called).toBe(true);
  });
});
