import { beforeEach, describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { attachSession, type ClientSession } from '../../../../lib/gateway/session/client-session.js';
import type { Offenders } from '../../../../lib/gateway/messages/offenders.js';
import { UnfinishedMessages } from '../../../../lib/gateway/messages/unfinished-messages.js';
import { masked } from '../../../support/raw-client.js';
import { FakeWebSocket } from '../../../support/unit/fake-socket.js';
import { HandClock } from '../../../support/unit/hand-clock.js';

const { Receiver } = ws as unknown as { Receiver: new (options: object) => NodeJS.WritableStream };

const TIME = 15_000;
const message = masked(0x81, Buffer.from('message'));
const begun = message.subarray(0, 5);
const rest = message.subarray(5);
const ping = masked(0x89, Buffer.alloc(0));

/** A connection whose bytes go through the receiver of the installed `ws`. */
class Peer {
  readonly socket = new FakeWebSocket() as FakeWebSocket & { _receiver?: NodeJS.WritableStream };
  readonly session: ClientSession;

  constructor(clock: HandClock) {
    const receiver = (this.socket._receiver = new Receiver({ isServer: true }));
    const connection = {
      socket: this.socket,
      get open(): boolean {
        return this.socket.readyState === 1;
      },
    };
    this.session = { connection, usedAt: 0 } as never;
    receiver.on('message', () => (this.session.usedAt = Math.floor(clock.time)));
    attachSession(this.socket as never, this.session);
  }

  get(bytes: Buffer): void {
    // A copy: it is unmasked in place.
    this.socket._receiver!.write(Buffer.from(bytes));
  }

  get closed(): boolean {
    return this.socket.readyState !== 1;
  }
}

let clock: HandClock;
let peers: Set<Peer>;
let closed: { session: ClientSession; cause: string; code: number }[];
let warnings: string[];

beforeEach(() => {
  clock = new HandClock();
  peers = new Set();
  closed = [];
  warnings = [];
});

function start(messageTime = TIME): UnfinishedMessages {
  const offenders = {
    expel: (session: ClientSession, cause: string, { code }: { code: number }) => {
      closed.push({ session, cause, code });
      session.connection.socket.close();
    },
  } as unknown as Offenders;
  const logger = { warn: (line: string) => void warnings.push(line) };
  return new UnfinishedMessages({ messageTime, connections: peers as never, offenders, clock, logger });
}

function join(unfinished: UnfinishedMessages): Peer {
  const peer = new Peer(clock);
  peers.add(peer);
  unfinished.watch();
  return peer;
}

describe('UnfinishedMessages', () => {
  it.each([15_000, 1000, 100, 10])(
    'closes after %i ms, never early and at most a quarter late, whenever the message begins',
    time => {
      for (let offset = 0; offset < time; offset += time / 16) {
        const unfinished = start(time);
        const peer = join(unfinished);
        for (let i = 0; i < 10; i++) join(unfinished);
        clock.advance(time + offset);
        peer.get(begun);
        clock.advance(time - 0.001);
        expect(peer.closed, `begun ${offset} ms after a beginning`).toBe(false);
        clock.advance(time / 4 + 0.001);
        expect(peer.closed, `begun ${offset} ms after a beginning`).toBe(true);
        unfinished.stop();
        peers.clear();
      }
    },
  );

  it('says why', () => {
    const peer = join(start());
    peer.get(begun);
    clock.advance(TIME * 1.25);
    expect(closed).toEqual([{ session: peer.session, cause: 'message-time', code: 1008 }]);
  });

  it('leaves those alone that send nothing, or whole messages', () => {
    const unfinished = start();
    join(unfinished);
    const busy = join(unfinished);
    for (let i = 0; i < 100; i++) {
      busy.get(begun);
      clock.advance(TIME / 10);
      busy.get(rest);
    }
    expect(closed).toEqual([]);
  });

  it('does not take a message for the one before it, though each look finds one unfinished', () => {
    const peer = join(start());
    peer.get(begun);
    for (let i = 0; i < 100; i++) {
      clock.advance(TIME / 4);
      // One ends and the next begins between two looks.
      peer.get(rest);
      peer.get(begun);
    }
    expect(closed).toEqual([]);
    clock.advance(TIME * 1.25);
    expect(peer.closed).toBe(true);
  });

  it('does not take a ping between two fragments, or a further fragment, for the end', () => {
    const peer = join(start());
    peer.get(masked(0x01, Buffer.from('first')));
    for (let i = 0; i < 50; i++) {
      clock.advance((TIME * 1.25) / 50);
      peer.get(i % 2 === 0 ? ping : masked(0x00, Buffer.from('more')));
    }
    expect(peer.closed).toBe(true);
  });

  it('does not count the time in which the socket is paused', () => {
    const peer = join(start());
    peer.get(begun);
    clock.advance(TIME * 0.9);
    peer.socket.pause();
    clock.advance(TIME * 10);
    peer.socket.resume();
    clock.advance(TIME * 0.9);
    expect(peer.closed).toBe(false);
    clock.advance(TIME * 0.35);
    expect(peer.closed).toBe(true);
  });

  it('does not count the time in which the loop stood still: the rest may wait in the kernel', () => {
    const peer = join(start());
    peer.get(begun);
    clock.advance(TIME / 2);
    clock.stall(TIME * 10);
    expect(peer.closed).toBe(false);
    clock.advance(TIME * 0.45);
    expect(peer.closed).toBe(false);
    clock.advance(TIME * 0.3);
    expect(peer.closed).toBe(true);
  });

  it('looks at a few in one step, and at everybody in a round, also while they come and go', () => {
    const unfinished = start();
    const all = Array.from({ length: 1000 }, () => join(unfinished));
    let most = 0;
    let looks = 0;
    for (const peer of all) {
      const receiver = peer.socket._receiver!;
      Object.defineProperty(peer.socket, '_receiver', { get: () => (looks++, receiver) });
      peer.get(begun);
    }
    looks = 0;
    for (let at = 0; at < TIME * 1.25; at += 10) {
      const before = looks;
      clock.advance(10);
      most = Math.max(most, looks - before);
      if (at % 1000 === 0) peers.delete(all[at / 10]!);
      if (at % 1000 === 500) join(unfinished);
    }
    expect(most).toBeLessThanOrEqual(Math.ceil(1010 / 32));
    expect([...peers].filter(peer => all.includes(peer)).every(({ closed: is }) => is)).toBe(true);
  });

  it('has one timer while there are connections, which keeps no process alive', () => {
    const unfinished = start();
    expect(clock.timers).toBe(0);
    for (let i = 0; i < 100; i++) join(unfinished);
    expect(clock.timers).toBe(1);
    expect(clock.unreffed.size).toBe(1);
    peers.clear();
    clock.advance(TIME);
    expect(clock.timers).toBe(0);
    const late = join(unfinished);
    late.get(begun);
    clock.advance(TIME * 1.25);
    expect(late.closed).toBe(true);
  });

  it('knows nothing any more of one that has ended', () => {
    const unfinished = start();
    const peer = join(unfinished);
    peer.get(begun);
    clock.advance(TIME / 2);
    peers.delete(peer);
    unfinished.forget(peer.session);
    peers.add(peer);
    clock.advance(TIME * 0.6);
    expect(peer.closed).toBe(false);
  });

  it('does not look at all with a limit of 0', () => {
    const peer = join(start(0));
    peer.get(begun);
    expect(clock.timers).toBe(0);
  });

  it('gives up with one warning when ws keeps its state otherwise', () => {
    const unfinished = start();
    const peer = join(unfinished);
    delete peer.socket._receiver;
    join(unfinished);
    clock.advance(TIME);
    expect(warnings).toEqual([expect.stringContaining('limits.messageTime')]);
    expect(clock.timers).toBe(0);
    join(unfinished);
    expect(clock.timers).toBe(0);
    expect(warnings).toHaveLength(1);
  });
});
