import { Duplex } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { PendingUpgrade } from '../../../../lib/gateway/admission/pending-upgrade.js';
import { UpgradeRefusal } from '../../../../lib/gateway/handshake/upgrade-refusal.js';
import { HandClock } from '../../../support/unit/hand-clock.js';

let clock: HandClock;
let socket: Duplex;
let cuts: (UpgradeRefusal | undefined)[];

beforeEach(() => {
  clock = new HandClock();
  socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  cuts = [];
});

const pending = (): PendingUpgrade => new PendingUpgrade(socket, clock, 1000, refusal => cuts.push(refusal));

const listeners = (): number[] => ['error', 'end', 'close'].map(event => socket.listenerCount(event));

describe('PendingUpgrade', () => {
  it('is refused at its deadline, once', () => {
    const upgrade = pending();
    clock.advance(999);
    expect(cuts).toEqual([]);
    clock.advance(1);
    expect(cuts).toHaveLength(1);
    expect(cuts[0]).toMatchObject({ status: 503, cause: 'handshake-time' });
    expect(upgrade.finish()).toBe(false);
  });

  it('ends without a cut when the answer is there, and leaves no timer and no listener', () => {
    const before = listeners();
    const upgrade = pending();
    expect(listeners()).not.toEqual(before);
    expect(upgrade.finish()).toBe(true);
    expect(listeners()).toEqual(before);
    expect(clock.timers).toBe(0);
    upgrade.cut(new UpgradeRefusal(503, 'overload' as never));
    expect(cuts).toEqual([]);
  });

  it('is cut without a refusal when the client disconnects', async () => {
    pending();
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.destroy();
    await closed;
    expect(cuts).toEqual([undefined]);
    expect(clock.timers).toBe(0);
  });

  it('destroys the socket of a client that ends its side', async () => {
    pending();
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.emit('end');
    await closed;
    expect(cuts).toEqual([undefined]);
  });

  it('hears an error of the socket that comes after the cut', async () => {
    pending();
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.destroy(new Error('read ECONNRESET'));
    await closed;
    expect(cuts).toEqual([undefined]);
    expect(socket.listenerCount('error')).toBe(1);
  });
});
