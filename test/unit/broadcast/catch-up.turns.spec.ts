import { describe, expect, it } from 'vitest';
import { CLOSE } from '../../../lib/errors/close-codes.js';
import type { Core, CoreOptions, Peer } from '../../support/unit/core.js';
import { drain, IN_FLIGHT, publish, returning, rig, seen, upTo } from '../../support/unit/returning.js';

/** Longest time that one who does not read keeps others waiting. Milliseconds. */
const TURN = 1250;

/** Publications, and bytes of each: three times what a socket is given that does not take it. */
const MISSED = 50;
const BYTES = 4000;

/** A core with a topic that many have missed, of whom so many are served at once. */
function missed(recoveries: number, options: CoreOptions = {}): Core {
  const core = rig({ history: 1000 }, { recoveries, ...options });
  publish(core, 't', MISSED, BYTES);
  return core;
}

/** Clients that come back, one after the other, and read nothing. */
function comeBack(core: Core, count: number, topic = 't'): Peer[] {
  const peers = Array.from({ length: count }, () => {
    const peer = core.connect();
    peer.socket.stalled = true;
    core.recover(returning(core, peer, topic, 0));
    return peer;
  });
  core.clock.turn();
  return peers;
}

/** A client that listens before. No time passes. */
function listen(core: Core, ...topics: string[]): Peer {
  const peer = core.connect();
  for (const topic of topics) peer.connection.subscribe(topic);
  core.clock.turn();
  return peer;
}

const given = (peers: readonly Peer[]): boolean[] => peers.map(({ socket }) => socket.writableLength > 0);

const turnsOf = ({ delivery }: Core): [held: number, waiting: number] => {
  const { held, waiting } = delivery.catchUp.turns;
  return [held, waiting];
};

/** Reads on, and reads everything. */
function read(core: Core, peer: Peer): void {
  drain(core, peer);
  peer.socket.stalled = false;
}

describe('CatchUp, when more come back at once than are served', () => {
  it('serves so many, and the next when one has everything', () => {
    const core = missed(2);
    const peers = comeBack(core, 5);
    expect(given(peers)).toEqual([true, true, false, false, false]);
    for (let i = 0; i < 10; i++) core.clock.turn();
    expect(given(peers)).toEqual([true, true, false, false, false]);
    read(core, peers[1]!);
    core.clock.turn();
    expect(given(peers)).toEqual([true, false, true, false, false]);
    for (const peer of peers) read(core, peer);
    core.clock.settle();
    for (const peer of peers) expect(seen(peer)).toEqual(upTo(1, MISSED));
    expect(turnsOf(core)).toEqual([0, 0]);
  });

  it('changes the state of a subscription from waiting to returning when its turn begins, and to live in the end', () => {
    const core = missed(1);
    const peers = comeBack(core, 2);
    const states = (): unknown[] => peers.map(({ connection }) => connection.subscriptions.get('t')!.state);
    expect(states()).toEqual(['returning', 'waiting']);
    read(core, peers[0]!);
    core.clock.turn();
    expect(states()).toEqual(['live', 'returning']);
    read(core, peers[1]!);
    core.clock.turn();
    expect(states()).toEqual(['live', 'live']);
  });

  it('lets a subscription wait on when its client asks for another rate', () => {
    const core = rig({ history: 1000, conflate: ({ key }) => key as string }, { recoveries: 1 });
    for (let i = 0; i < MISSED; i++) core.broadcaster.publish('t', { key: `${i}`, fill: 'x'.repeat(BYTES) });
    core.clock.turn();
    const waiting = comeBack(core, 2)[1]!.connection.subscriptions.get('t')!;
    const { topic } = waiting;
    topic.assign(waiting, 100);
    expect(waiting.state).toBe('held');
    core.delivery.catchUp.join(waiting);
    expect(waiting.state).toBe('waiting');
    expect(turnsOf(core)).toEqual([1, 1]);
  });

  it.each(['join', 'recover'] as const)('leaves an ended subscription as it is: %s', how => {
    const core = missed(1);
    const { connection } = core.connect();
    const subscription = returning(core, { connection } as Peer, 't', 0);
    core.topics.leave(subscription);
    core.delivery.catchUp[how](subscription);
    expect(subscription.state).toBe('ended');
    expect(subscription.topic.vacant).toBe(true);
    expect(turnsOf(core)).toEqual([0, 0]);
  });

  it('gives who waits what is published meanwhile after what it missed', () => {
    const core = missed(1);
    const [first, waiting] = comeBack(core, 2) as [Peer, Peer];
    publish(core, 't', 10, BYTES);
    expect(waiting.socket.calls).toBe(0);
    waiting.socket.stalled = false;
    read(core, first);
    for (let i = 0; i < 10; i++) core.clock.turn();
    publish(core, 't', 5);
    for (const peer of [first, waiting]) expect(seen(peer)).toEqual(upTo(1, MISSED + 15));
  });

  it('serves it at once when nobody has to wait for it', () => {
    const core = missed(1);
    const [first] = comeBack(core, 1) as [Peer];
    read(core, first);
    const [next] = comeBack(core, 1) as [Peer];
    expect(given([next])).toEqual([true]);
  });

  it('lets nobody wait who missed nothing, nor who comes for the first time', () => {
    const core = missed(1);
    comeBack(core, 2);
    const current = returning(core, core.connect(), 't', MISSED);
    core.recover(current);
    expect(current.live).toBe(true);
    const fresh = core.connect();
    const subscription = core.topics.hold(fresh.connection, 't');
    // Its method takes long.
    publish(core, 't', 2);
    core.activate(subscription);
    core.clock.turn();
    expect(seen(fresh, 't', MISSED)).toEqual([MISSED + 1, MISSED + 2]);
  });

  it('lets nobody wait who is only slow', () => {
    const core = missed(1);
    const slow = listen(core, 't');
    const peers = comeBack(core, 2);
    slow.socket.stalled = true;
    publish(core, 't', 50);
    expect(given([...peers, slow])).toEqual([true, false, true]);
    drain(core, slow);
    expect(seen(slow, 't', MISSED)).toEqual(upTo(MISSED + 1, MISSED + 50));
  });

  it('goes on with what a connection is slow on while it waits to get what it missed', () => {
    const core = missed(1);
    const slow = listen(core, 'live');
    const [first] = comeBack(core, 1) as [Peer];
    slow.socket.stalled = true;
    publish(core, 'live', 50);
    core.recover(returning(core, slow, 't', 0));
    drain(core, slow);
    expect(seen(slow, 'live')).toEqual(upTo(1, 50));
    expect(seen(slow)).toEqual([]);
    // There is nothing more to do before its turn.
    core.clock.turn();
    expect(core.clock.immediates).toBe(0);
    read(core, first);
    drain(core, slow);
    core.clock.turn();
    drain(core, slow);
    expect(seen(slow)).toEqual(upTo(1, MISSED));
  });

  it('serves a connection in one turn, however many topics it comes back to', () => {
    const core = missed(1);
    const topics = Array.from({ length: 10 }, (_, i) => `t${i}`);
    for (const topic of topics) publish(core, topic, 20, BYTES);
    const [first] = comeBack(core, 1) as [Peer];
    const many = core.connect();
    for (const topic of topics) core.recover(returning(core, many, topic, 0));
    const [last] = comeBack(core, 1) as [Peer];
    expect(turnsOf(core)).toEqual([1, 2]);
    read(core, first);
    core.clock.settle();
    for (const topic of topics) expect(seen(many, topic)).toEqual(upTo(1, 20));
    expect(given([last])).toEqual([true]);
  });

  describe('and some of them do not read', () => {
    it('keeps the others waiting for a second, and is slow from then on', () => {
      const core = missed(2);
      const peers = comeBack(core, 6);
      core.clock.advance(TURN);
      core.clock.turn();
      expect(given(peers)).toEqual([true, true, true, true, false, false]);
      // Without a turn it is served as its socket takes it.
      drain(core, peers[0]!);
      expect(seen(peers[0]!)).toEqual(upTo(1, MISSED));
      core.clock.advance(TURN);
      core.clock.turn();
      expect(given(peers)).toEqual([false, true, true, true, true, true]);
      for (const peer of peers) drain(core, peer);
      for (const peer of peers) expect(seen(peer)).toEqual(upTo(1, MISSED));
    });

    it('closes those, and nobody for the time that it had to wait', () => {
      const grace = 2000;
      const core = missed(1, { grace });
      const frozen = comeBack(core, 20);
      const honest = comeBack(core, 1)[0]!;
      honest.socket.stalled = false;
      for (let waited = 0; waited < 19 * TURN; waited += 50) {
        core.clock.advance(50);
        core.clock.turn();
      }
      expect(honest.ws.closes).toEqual([]);
      expect(honest.socket.calls).toBe(0);
      core.clock.advance(2 * TURN);
      for (let i = 0; i < 10; i++) core.clock.turn();
      expect(seen(honest)).toEqual(upTo(1, MISSED));
      core.clock.advance(2 * grace);
      for (const { ws } of frozen) expect(ws.closes).toEqual([CLOSE.SLOW]);
      expect(honest.ws.closes).toEqual([]);
    });

    it('does not keep others waiting again, though it asks again', () => {
      const core = missed(1);
      const [frozen] = comeBack(core, 1) as [Peer];
      // Its socket is full now, and it goes on to ask.
      frozen.socket.write(Buffer.alloc(IN_FLIGHT));
      core.clock.advance(TURN);
      for (let i = 0; i < 100; i++) {
        frozen.connection.unsubscribe('t');
        core.recover(returning(core, frozen, 't', 0));
      }
      const [honest] = comeBack(core, 1) as [Peer];
      expect(given([honest])).toEqual([true]);
    });
  });

  it.each(['unsubscribes', 'disconnects', 'is closed'] as const)(
    'lets the next one begin when one %s, whether it was served or waits',
    how => {
      const core = missed(2);
      const peers = comeBack(core, 6);
      for (const peer of [peers[3]!, peers[0]!]) {
        if (how === 'unsubscribes') peer.connection.unsubscribe('t');
        else if (how === 'disconnects') core.disconnect(peer);
        else peer.connection.close(4000, 'bye');
      }
      core.clock.turn();
      const served = given([peers[1]!, peers[2]!, peers[4]!, peers[5]!]);
      expect(served).toEqual([true, true, false, false]);
      for (const at of [4, 1, 3, 0, 5, 2]) core.disconnect(peers[at]!);
      expect(turnsOf(core)).toEqual([0, 0]);
      core.clock.settle();
      expect([core.delivery.laggards.size, core.delivery.backlog.used, core.clock.timers]).toEqual([0, 0, 0]);
    },
  );

  it('tells who is closed while it waits what it will not get', () => {
    const core = missed(1);
    const [, waiting] = comeBack(core, 2) as [Peer, Peer];
    waiting.connection.close(4000, 'bye');
    waiting.socket.drain();
    expect(seen(waiting)).toEqual([[1, MISSED, 'slow']]);
  });

  it('is flushed when those who wait have everything too', async () => {
    const core = missed(1);
    const [first, waiting] = comeBack(core, 2) as [Peer, Peer];
    let isFlushed = false;
    const flushed = core.broadcaster.flush().then(() => (isFlushed = true));
    const passed = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
    core.clock.turn();
    read(core, first);
    await passed();
    expect(isFlushed).toBe(false);
    core.clock.turn();
    read(core, waiting);
    core.clock.turn();
    await passed();
    expect(isFlushed).toBe(true);
    await flushed;
  });

  it('keeps for who waits as much as for who is slow, and tells it of the rest', () => {
    const core = rig({ history: { size: 10 } }, { recoveries: 1, maxUnsentBytes: 100_000 });
    publish(core, 't', 10);
    publish(core, 'big', 10, 20_000);
    const [first] = comeBack(core, 1, 'big') as [Peer];
    const [waiting] = comeBack(core, 1) as [Peer];
    expect(given([first, waiting])).toEqual([true, false]);
    publish(core, 't', 100, BYTES);
    expect(core.delivery.backlog.used).toBeLessThan(250_000);
    read(core, first);
    core.clock.turn();
    read(core, waiting);
    const list = seen(waiting);
    expect(list[0]).toEqual([1, expect.any(Number), 'slow']);
    expect(list.slice(-20)).toEqual(upTo(91, 110));
  });

  it('ends who waits when all that is kept for it is more than the budget', () => {
    const core = rig({}, { recoveries: 1, budget: 100_000 });
    // Somebody listens, so that the topics go on.
    listen(core, 't', 'big');
    publish(core, 'big', 1);
    publish(core, 't', 1);
    const holder = core.connect();
    const waiting = core.connect();
    for (const { socket } of [holder, waiting]) socket.stalled = true;
    const [first, second] = [returning(core, holder, 'big', 1), returning(core, waiting, 't', 1)];
    publish(core, 'big', 1, 90_000);
    publish(core, 't', 25, BYTES);
    core.recover(first);
    core.recover(second);
    publish(core, 't', 25, BYTES);
    core.clock.turn();
    expect(waiting.ws.terminations).toBe(1);
    expect(turnsOf(core)[1]).toBe(0);
  });

  it('hands the turn on through thousands, in slices of the loop', () => {
    const core = rig({ history: 10 }, { recoveries: 1, timing: { slice: 8 } });
    publish(core, 'big', 1, 500_000);
    publish(core, 'big', 1, 500_000);
    publish(core, 't', 3, 100);
    const [first] = comeBack(core, 1, 'big') as [Peer];
    const peers = Array.from({ length: 5000 }, () => {
      const peer = core.connect();
      peer.socket.onCall = () => (core.clock.time += 0.1);
      core.recover(returning(core, peer, 't', 0));
      return peer;
    });
    expect(turnsOf(core)).toEqual([1, 5000]);
    core.disconnect(first);
    let turns = 0;
    for (; core.clock.immediates > 0; turns++) {
      const before = core.clock.time;
      core.clock.turn();
      expect(core.clock.time - before).toBeLessThan(9);
    }
    expect(turns).toBeGreaterThan(50);
    for (const peer of peers) expect(seen(peer)).toEqual(upTo(1, 3));
  });

  describe('#stop', () => {
    it('leaves nothing armed, and serves nobody who waits', () => {
      const core = missed(1);
      const peers = comeBack(core, 3);
      core.delivery.stop();
      expect(core.clock).toMatchObject({ timers: 0, immediates: 0 });
      core.disconnect(peers[0]!);
      expect(core.clock).toMatchObject({ timers: 0, immediates: 0 });
    });
  });
});
