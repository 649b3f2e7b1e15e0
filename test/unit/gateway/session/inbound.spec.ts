import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Inbound } from '../../../../lib/gateway/session/inbound.js';
import type { Incoming } from '../../../../lib/protocol/protocol.js';
import { UnreadyBytes } from '../../../../lib/limits/unready-bytes.js';
import { FakeWebSocket } from '../../../support/unit/fake-socket.js';

/** Most bytes of one message. */
const PAYLOAD = 65_536;

let socket: FakeWebSocket;
let unready: UnreadyBytes;
let handled: Incoming[];
/** Lets the handler that runs now end. */
let end: (() => void)[];
/** Whether the client leaves too many answers unread, and how often it was asked to tell when it does not. */
let reader: { full: boolean; asked: number };

beforeEach(() => {
  socket = new FakeWebSocket();
  unready = new UnreadyBytes(Infinity);
  handled = [];
  end = [];
  reader = { full: false, asked: 0 };
});

function inboundTo(handle: (message: Incoming) => void | Promise<void>): Inbound {
  return new Inbound({
    socket,
    maxPayload: PAYLOAD,
    unready,
    get full() {
      return reader.full;
    },
    awaitRoom: () => void reader.asked++,
    handle,
  });
}

/** Handles each message until a test ends it; messages that begin with `now` end at once. */
function inbound(): Inbound {
  return inboundTo(message => {
    handled.push(message);
    if (String(message).startsWith('now')) return undefined;
    return new Promise(resolve => end.push(resolve));
  });
}

/** Ends the oldest handler and lets what waits for it run. */
async function endOne(): Promise<void> {
  end.shift()!();
  await Promise.resolve();
}

const names = (count: number, prefix = ''): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

describe('Inbound', () => {
  it('handles nothing before it is opened, then everything in order, one at a time', async () => {
    const messages = inbound();
    for (const name of ['a', 'b', 'c']) messages.receive(name);
    expect(handled).toEqual([]);
    messages.open(1);
    expect(handled).toEqual(['a']);
    await endOne();
    expect(handled).toEqual(['a', 'b']);
    messages.receive('d');
    await endOne();
    await endOne();
    expect(handled).toEqual(['a', 'b', 'c', 'd']);
  });

  it('handles what a client has left behind, as far as there is room for it, which is given back', async () => {
    unready = new UnreadyBytes(20);
    const [one, two] = [inbound(), inbound()];
    for (const messages of [one, two]) {
      messages.open(1);
      for (const name of ['now', 'a', 'bbb', 'cccc']) messages.receive(name);
      messages.leave();
    }
    expect(unready.used).toBe(7);
    while (end.length > 0) await endOne();
    expect(handled).toEqual(['now', 'a', 'now', 'a', 'bbb', 'cccc']);
    expect(unready.used).toBe(0);
  });

  it('handles at once what comes when nothing is in hand', async () => {
    const messages = inbound();
    messages.open(1);
    messages.receive('a');
    await endOne();
    messages.receive('b');
    expect(handled).toEqual(['a', 'b']);
  });

  it('goes through handlers without a promise without waiting', () => {
    const messages = inbound();
    for (const name of names(10, 'now')) messages.receive(name);
    messages.open(1);
    expect(handled).toEqual(names(10, 'now'));
    messages.receive('now');
    expect(handled).toHaveLength(11);
  });

  it('pauses the socket when sixteen wait, and not before', () => {
    const messages = inbound();
    messages.open(1);
    messages.receive('in hand');
    for (const name of names(15)) messages.receive(name);
    expect(socket.isPaused).toBe(false);
    messages.receive('the sixteenth');
    expect(socket.isPaused).toBe(true);
  });

  it('takes what still comes out of the chunk in hand, and resumes when all of it is done', async () => {
    const messages = inbound();
    messages.open(1);
    for (const name of names(30)) messages.receive(name);
    for (let i = 0; i < 29; i++) {
      expect(socket.isPaused).toBe(true);
      await endOne();
    }
    expect(handled).toEqual(names(30));
    expect(socket.isPaused).toBe(false);
  });

  it('pauses again when it fills up again', async () => {
    const messages = inbound();
    messages.open(1);
    messages.receive('now');
    for (let round = 0; round < 3; round++) {
      for (const name of names(17)) messages.receive(name);
      expect(socket.isPaused).toBe(true);
      for (let i = 0; i < 17; i++) await endOne();
      expect(socket.isPaused).toBe(false);
    }
  });

  it('gets through 100,000 queued messages without recursion', async () => {
    const messages = inbound();
    for (const name of names(100_000, 'now')) messages.receive(name);
    messages.open(1);
    expect(handled).toHaveLength(100_000);
    expect(handled.at(-1)).toBe('now99999');
    messages.receive('slow');
    for (const name of names(100_000, 'now')) messages.receive(name);
    await endOne();
    expect(handled).toHaveLength(200_001);
    expect(socket.isPaused).toBe(false);
  });

  it('refuses what would wait above seventeen messages and what ws may have in hand', async () => {
    const messages = inbound();
    const largest = 'x'.repeat(PAYLOAD);
    const room = 17 + (256 * 1024) / PAYLOAD;
    const taken = Array.from({ length: 30 }, () => messages.receive(largest));
    expect(taken).toEqual(Array.from({ length: 30 }, (_, i) => (i < room ? undefined : 'waiting-bytes')));
    expect(messages.receive('x')).toBe('waiting-bytes');
    messages.open(1);
    expect(messages.receive('x')).toBeUndefined();
    expect(messages.receive(largest)).toBe('waiting-bytes');
    for (let i = 0; i < room; i++) await endOne();
    expect(handled).toEqual([...Array<string>(room).fill(largest), 'x']);
  });

  it.each([
    ['one buffer', () => Buffer.alloc(PAYLOAD)],
    ['fragments', () => [Buffer.alloc(PAYLOAD / 2), Buffer.alloc(PAYLOAD / 2)]],
    ['an ArrayBuffer', () => new ArrayBuffer(PAYLOAD)],
    ['a Blob', () => new Blob([Buffer.alloc(PAYLOAD)]) as never],
  ])('counts the bytes of %s', (_, message) => {
    const messages = inbound();
    const taken = Array.from({ length: 30 }, () => messages.receive(message()));
    expect(taken.filter(cause => cause === undefined)).toHaveLength(21);
  });

  describe('#clear', () => {
    it('forgets what waits, and lets the socket go on to its close frame', async () => {
      const messages = inbound();
      messages.open(1);
      for (const name of names(20)) messages.receive(name);
      messages.clear();
      expect(socket.isPaused).toBe(false);
      await endOne();
      expect(handled).toEqual(['0']);
    });

    it('drops what still comes, and does not pause the socket again for it', async () => {
      const messages = inbound();
      messages.receive('waits');
      messages.clear();
      for (const name of names(40)) messages.receive(name);
      expect(socket.isPaused).toBe(false);
      messages.open(1);
      expect(handled).toEqual([]);
    });

    it('forgets what waits behind a message whose handler ends the connection at once', () => {
      const messages = inboundTo(message => {
        handled.push(message);
        if (message === 'bye') messages.clear();
      });
      for (const name of ['a', 'bye', 'b']) messages.receive(name);
      messages.open(1);
      expect(handled).toEqual(['a', 'bye']);
    });

    it('forgets everything before the connection was ready', () => {
      const messages = inbound();
      messages.receive('a');
      messages.clear();
      messages.open(1);
      expect(handled).toEqual([]);
    });
  });

  describe('with several in flight', () => {
    it('handles so many at the same time, and the next when any of them is done', async () => {
      const messages = inbound();
      messages.open(3);
      for (const name of names(6)) messages.receive(name);
      expect(handled).toEqual(['0', '1', '2']);
      end.pop()!();
      await Promise.resolve();
      expect(handled).toEqual(['0', '1', '2', '3']);
      await endOne();
      await endOne();
      expect(handled).toEqual(names(6));
      await endOne();
      await endOne();
      await endOne();
      for (const name of names(4, 'later')) messages.receive(name);
      expect(handled).toHaveLength(9);
    });

    it('handles what waited from the beginning as soon as it is opened', () => {
      const messages = inbound();
      for (const name of names(5)) messages.receive(name);
      messages.open(4);
      expect(handled).toEqual(names(4));
    });

    it('pauses the socket when sixteen wait behind them', () => {
      const messages = inbound();
      messages.open(3);
      for (const name of names(3 + 15)) messages.receive(name);
      expect(socket.isPaused).toBe(false);
      messages.receive('the sixteenth');
      expect(socket.isPaused).toBe(true);
    });
  });

  describe('while its client leaves answers unread', () => {
    /** The client has read enough. */
    function read(messages: Inbound): void {
      reader.full = false;
      messages.goOn();
    }

    it('handles nothing, asks once to be told, and then goes on in order', () => {
      const messages = inbound();
      messages.open(1);
      messages.receive('now 0');
      reader.full = true;
      for (const name of names(3, 'now ')) messages.receive(name);
      expect(handled).toEqual(['now 0']);
      expect(reader.asked).toBe(1);
      read(messages);
      expect(handled).toEqual(['now 0', ...names(3, 'now ')]);
      messages.receive('now 4');
      expect(handled.at(-1)).toBe('now 4');
      expect(reader.asked).toBe(1);
    });

    it('goes on for as long as there is room, and asks again', () => {
      const messages = inboundTo(message => {
        handled.push(message);
        reader.full = true;
      });
      messages.open(1);
      for (const name of names(4)) messages.receive(name);
      for (let round = 1; round <= 4; round++) {
        expect(handled).toEqual(names(round));
        expect(reader.asked).toBe(Math.min(round, 3));
        read(messages);
      }
    });

    it('lets no message overtake one that waits, also when there is room before it is told', () => {
      const messages = inbound();
      messages.open(1);
      reader.full = true;
      messages.receive('now 0');
      reader.full = false;
      messages.receive('now 1');
      expect(handled).toEqual([]);
      messages.goOn();
      expect(handled).toEqual(['now 0', 'now 1']);
    });

    it('lets a message in hand end, and waits then', async () => {
      const messages = inbound();
      messages.open(1);
      for (const name of names(2)) messages.receive(name);
      reader.full = true;
      expect(reader.asked).toBe(0);
      await endOne();
      expect([handled.length, reader.asked]).toEqual([1, 1]);
      read(messages);
      expect(handled).toEqual(names(2));
    });

    it('waits with what came before it was ready', () => {
      const messages = inbound();
      for (const name of names(2, 'now ')) messages.receive(name);
      reader.full = true;
      messages.open(1);
      expect([handled.length, reader.asked]).toEqual([0, 1]);
      read(messages);
      expect(handled).toEqual(names(2, 'now '));
    });

    it('starts none of several in flight', async () => {
      const messages = inbound();
      messages.open(3);
      messages.receive('0');
      reader.full = true;
      messages.receive('1');
      messages.receive('2');
      await endOne();
      expect(handled).toEqual(['0']);
      read(messages);
      expect(handled).toEqual(names(3));
    });

    it('pauses the socket when sixteen wait, and resumes it when none does', () => {
      const messages = inbound();
      messages.open(1);
      reader.full = true;
      for (const name of names(15, 'now ')) messages.receive(name);
      expect(socket.isPaused).toBe(false);
      messages.receive('now 15');
      expect(socket.isPaused).toBe(true);
      read(messages);
      expect(handled).toEqual(names(16, 'now '));
      expect(socket.isPaused).toBe(false);
    });

    it('forgets what waits when the connection is closed', () => {
      const messages = inbound();
      messages.open(1);
      reader.full = true;
      messages.receive('now');
      messages.clear();
      read(messages);
      expect(handled).toEqual([]);
    });
  });

  describe('before it is ready', () => {
    it('has what waits in the ledger of all connections, and refuses what would be above it', () => {
      unready = new UnreadyBytes(10);
      const [messages, others] = [inbound(), inbound()];
      expect(messages.receive('12345')).toBeUndefined();
      expect(others.receive('1234')).toBeUndefined();
      expect(others.receive('12')).toBe('unready-bytes');
      expect(unready.used).toBe(9);
      expect(others.receive('1')).toBeUndefined();
      expect(unready.used).toBe(10);
    });

    it('gives back exactly that when it is ready, and nothing twice', async () => {
      unready = new UnreadyBytes(10);
      const messages = inbound();
      messages.receive('12345');
      messages.receive('123');
      messages.open(1);
      expect(unready.used).toBe(0);
      // What waits for a handler from now on is bounded by itself.
      expect(messages.receive('x'.repeat(100))).toBeUndefined();
      expect(unready.used).toBe(0);
      await endOne();
      messages.clear();
      expect(unready.used).toBe(0);
    });

    it('gives it back when the connection closes first', () => {
      const messages = inbound();
      messages.receive('12345');
      messages.clear();
      messages.receive('12345');
      expect(unready.used).toBe(0);
      messages.open(1);
      messages.clear();
      expect(unready.used).toBe(0);
    });

    it('never has anything left in the ledger, whatever happens to connections in whatever order', () => {
      const step = fc.tuple(fc.nat(3), fc.constantFrom('receive', 'receive', 'open', 'clear'), fc.nat(20));
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), steps => {
          unready = new UnreadyBytes(50);
          const all = Array.from({ length: 4 }, () => inboundTo(() => {}));
          for (const [which, what, size] of steps) {
            if (what === 'receive') all[which]!.receive('x'.repeat(size));
            else if (what === 'open') all[which]!.open(1);
            else all[which]!.clear();
            expect(unready.used).toBeGreaterThanOrEqual(0);
            // Of four connections each has had its share when there was room for no more.
            expect(unready.used).toBeLessThanOrEqual(50 + 50 / 2 + 50 / 3 + 50 / 4);
          }
          for (const messages of all) messages.clear();
          expect(unready.used).toBe(0);
        }),
      );
    });
  });
});
