import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Core, type Peer } from '../../support/unit/core.js';
import { messagesIn, textsIn } from '../../support/unit/frames.js';
import { connect, drain, publish, rig, turn } from '../../support/unit/returning.js';
import { payloadOf } from '../../support/unit/topics.js';

const publicationsOf = ({ socket }: Peer): number =>
  textsIn(socket.taken)
    .map(text => JSON.parse(text))
    .filter(({ topic, offset }) => topic !== undefined && offset !== undefined).length;

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

/** Answers the pings that a client has read since the last call. */
class Answers {
  readonly #answered = new Map<Peer, number>();

  give(peer: Peer): void {
    // A frame that the kernel has not taken whole cannot be read.
    if (peer.socket.writableLength > 0) return;
    const pings = peer.socket.rawFrames.filter(({ opcode }) => opcode === 9);
    for (const { payload } of pings.slice(this.#answered.get(peer) ?? 0)) peer.connection.pong(payload);
    this.#answered.set(peer, pings.length);
  }
}

describe('What is counted', () => {
  it.each([0, 5000])('is what the sockets were given, whatever they take (slowConsumer.lag %i)', lag => {
    const step = fc.record({
      publications: fc.nat(20),
      bytes: fc.constantFrom(10, 300, 5000, 40_000),
      peer: fc.nat(2),
      drained: fc.constantFrom(0, 1000, 100_000, Infinity),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), steps => {
        const core = rig({}, { lag });
        const peers = [connect(core, 'a', 'b'), connect(core, 'a'), connect(core, 'b')];
        const answers = new Answers();
        for (const { publications, bytes, peer, drained } of steps) {
          const { socket } = peers[peer]!;
          socket.stalled = drained < Infinity;
          // A real socket calls back in a turn of its own, and never during a write.
          if (!socket.stalled) socket.drain();
          for (let i = 0; i < publications; i++)
            core.broadcaster.publish(i % 3 ? 'a' : 'b', payloadOf(bytes));
          turn(core);
          socket.drain(drained);
          core.clock.turn();
          for (const each of peers) answers.give(each);
        }
        for (let i = 0; i < 40; i++) {
          for (const each of peers) {
            each.socket.stalled = false;
            each.socket.drain();
            answers.give(each);
          }
          core.clock.advance(10);
          core.clock.turn();
        }
        const { counters } = core;
        expect(counters.publications).toBe(sum(steps.map(({ publications }) => publications)));
        expect(counters.deliveries).toBe(sum(peers.map(publicationsOf)));
        expect(counters.bytes).toBe(sum(peers.map(({ socket }) => socket.taken.length)));
      }),
      { numRuns: 30 },
    );
  });

  it('is each time that a subscription falls behind, and what it gets then', () => {
    const core = rig();
    const [slow, fast] = [connect(core, 't'), connect(core, 't')];
    publish(core, 't', 3);
    expect(core.counters).toMatchObject({ slow: 0, deliveries: 6, flushes: 3, encodes: 3, socketWrites: 6 });
    slow.socket.stalled = true;
    publish(core, 't', 100);
    expect(core.counters.slow).toBe(1);
    expect(core.counters.deliveries).toBeLessThan(206);
    drain(core, slow);
    expect(core.counters).toMatchObject({ slow: 1, deliveries: 206, publications: 103 });
    expect(fast.connection.bufferedBytes).toBe(0);
  });

  it('is each gap, by its reason, from flushes and from the log', () => {
    const core = rig({}, { maxUnsentBytes: 10_000 });
    const [one, two, other] = [connect(core, 't'), core.connect('fanout.v1.json'), connect(core, 't')];
    two.connection.subscribe('t');
    core.clock.settle();
    core.broadcaster.publish('t', 1, { ttl: 1 });
    core.clock.advance(2);
    core.broadcaster.publish('t', 2, { except: one.connection.id });
    core.broadcaster.publish('t', 3);
    turn(core);
    expect(core.counters.gaps).toEqual({ slow: 0, expired: 3, except: 1, bus: 0 });
    expect(core.counters.deliveries).toBe(5);
    other.socket.stalled = true;
    publish(core, 't', 40);
    other.socket.stalled = false;
    drain(core, other);
    const told = textsIn(other.socket.taken).filter(text => text.includes('"reason":"slow"'));
    expect(told.length).toBeGreaterThan(0);
    expect(core.counters.gaps).toEqual({ slow: told.length, expired: 3, except: 1, bus: 0 });
  });

  it('leaves out what a connection gets no more that is closing or broken', () => {
    const core = rig();
    const [closing, broken, other] = [connect(core, 't'), connect(core, 't'), connect(core, 't')];
    closing.ws.readyState = 2;
    broken.socket.throwsAfter = 0;
    publish(core, 't', 1);
    expect(core.counters).toMatchObject({ deliveries: 1, socketWrites: 1 });
    expect(core.counters.bytes).toBe(other.socket.taken.length);
  });

  it('is a publication for each, however its frames are encoded', () => {
    const core = new Core();
    const formats = [core.connect('fanout.v1.json'), core.connect('')];
    for (const { connection } of formats) connection.subscribe('t');
    core.clock.settle();
    for (let i = 0; i < 5; i++) core.broadcaster.publish('t', payloadOf(50));
    turn(core);
    const [batched] = formats;
    expect(messagesIn(batched!.socket.taken)).toHaveLength(1);
    expect(core.counters).toMatchObject({ deliveries: 10, encodes: 2, socketWrites: 2, flushes: 1 });
  });
});
