import { describe, expect, it } from 'vitest';
import { CLOSE } from '../../../lib/errors/close-codes.js';
import type { Subscription } from '../../../lib/topic/subscription.js';
import type { Core } from '../../support/unit/core.js';
import {
  connect,
  drain,
  IN_FLIGHT,
  publish,
  type Reader,
  returning,
  rig,
  seen,
  turn,
  upTo,
} from '../../support/unit/returning.js';
import { payloadOf } from '../../support/unit/topics.js';

describe('CatchUp', () => {
  describe('a subscription whose socket is busy', () => {
    it('is behind while more is published than the socket has room for, and live when it has read everything', () => {
      const core = rig();
      const [slow, fast] = [connect(core, 't'), connect(core, 't')];
      slow.socket.stalled = true;
      publish(core, 't', 100);
      expect(slow.of('t').state).toBe('behind');
      expect(slow.socket.writableLength).toBeLessThanOrEqual(IN_FLIGHT);
      expect(seen(fast)).toEqual(upTo(1, 100));
      expect(drain(core, slow)).toBeGreaterThan(5);
      expect(seen(slow)).toEqual(upTo(1, 100));
      expect(slow.of('t').live).toBe(true);
      expect([core.delivery.laggards.size, core.delivery.backlog.used]).toEqual([0, 0]);
      slow.socket.stalled = false;
      publish(core, 't', 3);
      expect(seen(slow)).toEqual(upTo(1, 103));
      expect(slow.ws.closes).toEqual([]);
    });

    it('goes on when its socket has drained, also when only others wrote to it', () => {
      const core = rig();
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      const ping = Buffer.from([0x89, 0]);
      slow.socket.write(Buffer.alloc(IN_FLIGHT, ping));
      publish(core, 't', 3);
      expect(slow.socket.writableLength).toBe(IN_FLIGHT);
      slow.socket.drain();
      expect(seen(slow)).toEqual(upTo(1, 3));
    });

    it('gets what is published while it catches up, without an end if need be', () => {
      const core = rig();
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 100);
      for (let i = 0; i < 50; i++) {
        slow.socket.drain(20_000);
        publish(core, 't', 5);
        expect(slow.socket.writableLength).toBeLessThanOrEqual(IN_FLIGHT);
      }
      drain(core, slow);
      expect(seen(slow)).toEqual(upTo(1, 350));
    });

    it('is overtaken by what is said to the client otherwise', () => {
      const core = rig();
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 100);
      slow.connection.send('reply');
      core.clock.turn();
      drain(core, slow);
      const at = slow.socket.frames.findIndex(({ event }) => event === 'reply');
      expect(at).toBeGreaterThan(0);
      expect(at).toBeLessThan(20);
      expect(seen(slow)).toEqual(upTo(1, 100));
    });

    it('costs no encoding of its own when others are behind like it', () => {
      const core = rig();
      const all = Array.from({ length: 50 }, () => connect(core, 't'));
      for (const { socket } of all) socket.stalled = true;
      publish(core, 't', 64, 2000);
      const before = core.delivery.segments.encoded;
      for (const peer of all) drain(core, peer);
      expect(core.delivery.segments.encoded - before).toBe(1);
      for (const peer of all) expect(seen(peer)).toEqual(upTo(1, 64));
    });

    it('ends with its connection, and leaves nothing behind', () => {
      const core = rig();
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 100);
      expect(core.delivery.backlog.used).toBeGreaterThan(300_000);
      core.disconnect(slow);
      core.clock.settle();
      expect([core.delivery.laggards.size, core.delivery.backlog.used, core.pool.stats().inUse]).toEqual([
        0, 0, 0,
      ]);
      expect(core.clock.timers).toBe(0);
    });

    it('is told what it will not get when its connection is closed in good order', () => {
      const core = rig();
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 100);
      slow.connection.close(4000, 'bye');
      slow.socket.drain();
      const [gap] = seen(slow).slice(-1);
      expect(gap).toEqual([expect.any(Number), 100, 'slow']);
      expect(slow.ws.closes).toEqual([{ code: 4000, reason: 'bye' }]);
    });
  });

  describe('a subscription that comes back', () => {
    it('gets what it missed, the first piece in the turn of its answer, and is live then', () => {
      const core = rig({ history: 1000 });
      publish(core, 't', 100);
      const peer = core.connect();
      const subscription = returning(core, peer, 't', 40);
      core.recover(subscription);
      expect(peer.socket.calls).toBe(0);
      core.clock.turn();
      expect(seen(peer, 't', 40).length).toBeGreaterThan(5);
      publish(core, 't', 1);
      core.clock.settle();
      expect(subscription.live).toBe(true);
      publish(core, 't', 2);
      expect(seen(peer, 't', 40)).toEqual(upTo(41, 103));
    });

    it('is live at once when it missed nothing', () => {
      const core = rig({ history: 10 });
      publish(core, 't', 3);
      const subscription = returning(core, core.connect(), 't', 3);
      core.recover(subscription);
      expect(subscription.live).toBe(true);
      expect(core.delivery.segments.encoded).toBe(0);
    });

    it('is encoded for once, however many come back at once', () => {
      const core = rig({ history: 1000 });
      publish(core, 't', 128, 500);
      const peers = Array.from({ length: 200 }, (_, i) => {
        const peer = core.connect();
        core.recover(returning(core, peer, 't', i % 128));
        return peer;
      });
      core.clock.settle();
      peers.forEach((peer, i) => expect(seen(peer, 't', i % 128)).toEqual(upTo((i % 128) + 1, 128)));
      expect(core.delivery.segments.encoded).toBe(2);
    });

    it.each(['gap', 'disconnect'] as const)(
      'gets all of the history, though its topic bears with %s no subscriber that is so far behind',
      slow => {
        const core = rig({ history: { size: 1000, bytes: 1e6 }, slow }, { maxUnsentBytes: 100_000 });
        publish(core, 't', 100);
        const peer = core.connect();
        core.recover(returning(core, peer, 't', 0));
        core.clock.settle();
        expect(peer.ws.closes).toEqual([]);
        expect(seen(peer)).toEqual(upTo(1, 100));
        // From then on it is like the others.
        peer.socket.stalled = true;
        publish(core, 't', 60);
        peer.socket.drain();
        if (slow === 'gap') expect(seen(peer).at(-1)).toEqual([expect.any(Number), 160, 'slow']);
        else expect(peer.ws.closes).toEqual([CLOSE.SLOW]);
      },
    );

    it('is given no more than a piece in one turn, however many topics it comes back to', () => {
      const core = rig({ history: 1000 });
      const topics = Array.from({ length: 20 }, (_, i) => `t${i}`);
      for (const topic of topics) publish(core, topic, 20, 3000);
      const peer = core.connect();
      peer.socket.stalled = true;
      for (const topic of topics) core.recover(returning(core, peer, topic, 0));
      core.clock.turn();
      expect(peer.socket.writableLength).toBeLessThanOrEqual(IN_FLIGHT);
      drain(core, peer);
      for (const topic of topics) expect(seen(peer, topic)).toEqual(upTo(1, 20));
    });
  });

  it('serves the topics of a connection in turn', () => {
    const core = rig({ history: 1000 });
    for (const topic of ['a', 'b', 'c']) publish(core, topic, 60);
    const peer = core.connect();
    peer.socket.stalled = true;
    for (const topic of ['a', 'b', 'c']) core.recover(returning(core, peer, topic, 0));
    core.clock.turn();
    drain(core, peer);
    const order = (peer.socket.frames as any[]).map(({ topic }) => topic as string);
    const runs = order.filter((topic, i) => topic !== order[i - 1]);
    expect(runs.length).toBeGreaterThan(9);
    // In any three that follow one another each has had its turn.
    for (let i = 0; i + 3 < runs.length - 3; i++) expect(new Set(runs.slice(i, i + 3)).size).toBe(3);
    for (const topic of ['a', 'b', 'c']) expect(seen(peer, topic)).toEqual(upTo(1, 60));
  });

  it('lets the loop turn after a slice, and leaves nobody out', () => {
    const core = rig({ history: 1000 }, { timing: { slice: 8 } });
    publish(core, 't', 100);
    const peers = Array.from({ length: 20 }, () => {
      const peer = core.connect();
      peer.socket.onCall = () => void core.clock.time++;
      core.recover(returning(core, peer, 't', 0));
      return peer;
    });
    core.clock.turn();
    let turns = 0;
    for (; core.clock.immediates > 0; turns++) {
      const before = core.clock.time;
      core.clock.turn();
      expect(core.clock.time - before).toBeLessThanOrEqual(8);
    }
    expect(turns).toBeGreaterThan(5);
    for (const peer of peers) expect(seen(peer)).toEqual(upTo(1, 100));
  });

  describe('who is too far behind', () => {
    const LIMIT = { maxUnsentBytes: 200_000 };

    it('with catch-up gets a gap for what is not kept any more, and what is kept', () => {
      const core = rig({}, LIMIT);
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 100);
      drain(core, slow);
      const list = seen(slow);
      expect(list.filter(Array.isArray)).toEqual([[expect.any(Number), 50, 'slow']]);
      expect(list.slice(-50)).toEqual(upTo(51, 100));
      expect(slow.ws.closes).toEqual([]);
    });

    it('with gap goes on at the newest', () => {
      const core = rig({ slow: 'gap' }, LIMIT);
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 100);
      drain(core, slow);
      expect(seen(slow).at(-1)).toEqual([expect.any(Number), 100, 'slow']);
      expect(slow.of('t').live).toBe(true);
      slow.socket.stalled = false;
      publish(core, 't', 1);
      expect(seen(slow).at(-1)).toBe(101);
    });

    it('with gap loses nothing as long as it is not', () => {
      const core = rig({ slow: 'gap' }, LIMIT);
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 50);
      drain(core, slow);
      expect(seen(slow)).toEqual(upTo(1, 50));
    });

    it('with gap is skipped also on a topic whose history would have it all', () => {
      const core = rig({ slow: 'gap', history: 1000 }, LIMIT);
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 100);
      drain(core, slow);
      expect(seen(slow).at(-1)).toEqual([expect.any(Number), 100, 'slow']);
    });

    it('with disconnect is closed by the flush that finds it, though its socket takes nothing', () => {
      const core = rig({ slow: 'disconnect' }, LIMIT);
      const [slow, fast] = [connect(core, 't'), connect(core, 't')];
      slow.socket.stalled = true;
      publish(core, 't', 60);
      expect(slow.ws.closes).toEqual([]);
      publish(core, 't', 40);
      expect(slow.ws.closes).toEqual([CLOSE.SLOW]);
      expect(seen(fast)).toEqual(upTo(1, 100));
      expect(core.delivery.laggards.size).toBe(0);
    });

    it('with conflate gets the newest of each key, however much it missed', () => {
      const core = rig({ conflate: ({ key }) => key as string, slow: 'conflate' }, LIMIT);
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      for (let i = 1; i <= 300; i++) {
        core.broadcaster.publish('t', { key: `k${i % 3}`, i, fill: payloadOf(4000) });
        turn(core);
      }
      slow.socket.drain(Infinity);
      core.clock.settle();
      const values = (slow.socket.frames as any[]).map(({ offset, data, event }) => {
        expect(event).toBeUndefined();
        expect(data.i).toBe(offset);
        return offset as number;
      });
      expect([...values].sort((a, b) => a - b)).toEqual(values);
      expect(values.slice(-3)).toEqual([298, 299, 300]);
      expect(values.length).toBeLessThan(30);
    });

    describe('of a topic with a snapshot', () => {
      function slowWithSnapshot(core: Core): Reader {
        const slow = connect(core, 't');
        slow.of('t').markRenewable(true);
        slow.socket.stalled = true;
        return slow;
      }

      it('is handed over to have a new one, and goes on when it is answered', () => {
        const asked: Subscription[] = [];
        const resync = (subscription: Subscription): boolean => {
          asked.push(subscription);
          subscription.topic.renew(subscription);
          subscription.lose(subscription.lane.flushed);
          return true;
        };
        const core = rig({}, { ...LIMIT, resync });
        const slow = slowWithSnapshot(core);
        publish(core, 't', 100);
        drain(core, slow);
        expect(asked).toEqual([slow.of('t')]);
        expect(core.delivery.laggards.size).toBe(0);
        publish(core, 't', 2);
        core.activate(slow.of('t'));
        slow.socket.stalled = false;
        core.clock.settle();
        expect((slow.socket.frames as any[]).slice(-2).map(({ offset }) => offset as number)).toEqual([
          101, 102,
        ]);
      });

      it('gets a plain gap when nobody takes it over', () => {
        const core = rig({}, LIMIT);
        const slow = slowWithSnapshot(core);
        publish(core, 't', 100);
        drain(core, slow);
        expect(seen(slow).filter(Array.isArray)).toHaveLength(1);
      });

      it('is not asked for where the topic conflates: what is newest follows anyway', () => {
        const options = { ...LIMIT, resync: () => expect.unreachable('asked') };
        const core = rig({ conflate: ({ key }) => key as string }, options);
        const slow = slowWithSnapshot(core);
        for (let i = 0; i < 100; i++) {
          core.broadcaster.publish('t', { key: `k${i}`, fill: payloadOf(4000) });
          turn(core);
        }
        slow.socket.drain();
        core.clock.settle();
        const frames = slow.socket.frames as any[];
        expect(frames.filter(({ event }) => event === 'gap')).toHaveLength(1);
        expect(frames.at(-1).offset).toBe(100);
      });

      it('is not asked for when the topic gave it none', () => {
        const core = rig({}, { ...LIMIT, resync: () => expect.unreachable('asked') });
        const slow = slowWithSnapshot(core);
        slow.of('t').markRenewable(false);
        publish(core, 't', 100);
        drain(core, slow);
        expect(seen(slow).filter(Array.isArray)).toHaveLength(1);
      });

      it('is not asked for when nothing was lost', () => {
        const core = rig({}, { resync: () => expect.unreachable('asked') });
        const slow = slowWithSnapshot(core);
        publish(core, 't', 100);
        drain(core, slow);
        expect(seen(slow)).toEqual(upTo(1, 100));
      });
    });
  });

  describe('the limit of what may be unsent', () => {
    it('closes nobody for publications, also when it is small', () => {
      const core = rig({}, { maxUnsentBytes: 3000 });
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 30, 500);
      expect(slow.ws.closes).toEqual([]);
      drain(core, slow);
      expect(slow.ws.closes).toEqual([]);
      expect(seen(slow).at(-1)).toBe(30);
    });

    it('closes nobody for a publication that is nearly as large: it waits until everything else was taken', () => {
      const core = rig({}, { maxUnsentBytes: 100_000 });
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 1, 60_000);
      publish(core, 't', 1, 90_000);
      slow.connection.send('reply', payloadOf(12_000));
      core.clock.turn();
      slow.socket.drain(60_100);
      core.clock.turn();
      expect(slow.socket.writableLength).toBeLessThan(13_000);
      slow.socket.drain(slow.socket.writableLength);
      expect(slow.socket.writableLength).toBeGreaterThan(90_000);
      slow.socket.drain();
      expect(slow.ws.closes).toEqual([]);
      expect(seen(slow)).toEqual([1, 2]);
    });

    it('closes nobody for a reply while much of one flush is on its way', () => {
      const core = rig({}, { maxUnsentBytes: 100_000 });
      const peer = connect(core, 't');
      peer.socket.stalled = true;
      core.broadcaster.publish('t', payloadOf(60_000));
      core.broadcaster.publish('t', payloadOf(60_000));
      turn(core);
      peer.connection.send('reply');
      core.clock.turn();
      expect(peer.ws.closes).toEqual([]);
    });
  });

  describe('the time of grace', () => {
    it('is over for a socket that takes nothing', () => {
      const core = rig({}, { grace: 1000 });
      const [frozen, fast] = [connect(core, 't'), connect(core, 't')];
      frozen.socket.stalled = true;
      publish(core, 't', 100);
      core.clock.advance(1000);
      expect(frozen.ws.closes).toEqual([]);
      core.clock.advance(250);
      expect(frozen.ws.closes).toEqual([CLOSE.SLOW]);
      expect(fast.ws.closes).toEqual([]);
    });

    it('begins anew with each piece that a slow one takes', () => {
      const core = rig({}, { grace: 1000 });
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 200);
      for (let i = 0; slow.socket.writableLength > 0; i++) {
        expect(i).toBeLessThan(100);
        core.clock.advance(900);
        slow.socket.drain(slow.socket.writableLength);
      }
      core.clock.settle();
      expect(slow.ws.closes).toEqual([]);
      expect(seen(slow)).toEqual(upTo(1, 200));
    });
  });

  it('closes nobody whose socket takes a few bytes now and then of what it was given', () => {
    const core = rig({}, { grace: 1000 });
    const slow = connect(core, 't');
    slow.socket.stalled = true;
    publish(core, 't', 30);
    for (let i = 0; i < 100; i++) {
      core.clock.advance(900);
      slow.socket.drain(10);
    }
    expect(slow.ws.closes).toEqual([]);
    core.clock.advance(1500);
    expect(slow.ws.closes).toEqual([CLOSE.SLOW]);
  });

  describe('#caughtUp', () => {
    async function isDone(done: Promise<unknown>): Promise<boolean> {
      return Promise.race([
        done.then(() => true),
        new Promise<boolean>(resolve => setImmediate(resolve, false)),
      ]);
    }

    it('resolves at once when nobody is behind', async () => {
      const core = rig();
      connect(core, 't');
      publish(core, 't', 3);
      expect(await isDone(core.delivery.catchUp.caughtUp())).toBe(true);
    });

    it('resolves when those behind have been handed what was published by then, whatever comes after', async () => {
      const core = rig();
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 100);
      const done = core.delivery.catchUp.caughtUp();
      publish(core, 't', 30);
      for (let last = 0; last < 100;) {
        expect(await isDone(done)).toBe(false);
        slow.socket.drain(slow.socket.writableLength);
        last = slow.of('t').cursor;
      }
      expect(slow.of('t').state).toBe('behind');
      expect(await isDone(done)).toBe(true);
    });

    it('does not wait for what was published after the last flush, and comes with the next one', async () => {
      const core = rig();
      const slow = connect(core, 't');
      slow.socket.stalled = true;
      publish(core, 't', 100);
      core.broadcaster.publish('t', 'not flushed yet');
      const done = core.delivery.catchUp.caughtUp();
      drain(core, slow);
      expect(await isDone(done)).toBe(true);
    });

    it.each(['unsubscribe', 'disconnect'] as const)(
      'resolves when the last one behind ends (%s)',
      async how => {
        const core = rig();
        const slow = connect(core, 't');
        slow.socket.stalled = true;
        publish(core, 't', 100);
        const done = core.delivery.catchUp.caughtUp();
        expect(await isDone(done)).toBe(false);
        if (how === 'unsubscribe') slow.connection.unsubscribe('t');
        else core.disconnect(slow);
        expect(await isDone(done)).toBe(true);
      },
    );

    it('resolves when who lost publications has its new snapshot', async () => {
      const resync = (subscription: Subscription): boolean => {
        subscription.topic.renew(subscription);
        subscription.lose(subscription.lane.flushed);
        return true;
      };
      const core = rig({}, { maxUnsentBytes: 200_000, resync });
      const slow = connect(core, 't');
      slow.of('t').markRenewable(true);
      slow.socket.stalled = true;
      publish(core, 't', 100);
      const done = core.delivery.catchUp.caughtUp();
      drain(core, slow);
      expect(slow.of('t').state).toBe('renewing');
      expect(await isDone(done)).toBe(false);
      core.activate(slow.of('t'));
      expect(await isDone(done)).toBe(true);
    });
  });

  describe('#stop', () => {
    it('leaves nothing armed', () => {
      const core = rig({ history: 1000 });
      publish(core, 't', 100);
      core.recover(returning(core, core.connect(), 't', 0));
      core.clock.turn();
      core.delivery.stop();
      expect(core.clock).toMatchObject({ timers: 0, immediates: 0 });
    });
  });
});
