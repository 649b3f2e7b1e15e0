import { describe, expect, it } from 'vitest';
import { TurnWrites } from '../../../lib/connection/turn-writes.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { UnsentBatches } from '../../../lib/wire/batch.js';
import { JoinedBatches } from '../../../lib/wire/joined-batches.js';
import { Core } from '../../support/unit/core.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { HandSink } from '../../support/unit/subscribers.js';

const joined = new JoinedBatches(new BufferPool(), new UnsentBatches());

describe('TurnWrites', () => {
  it('writes at the end of the turn, with one immediate for all', () => {
    const clock = new HandClock();
    const writes = new TurnWrites(clock, joined);
    const sinks = Array.from({ length: 5 }, () => new HandSink());
    for (const sink of sinks) writes.request(sink);
    expect(clock.immediates).toBe(1);
    expect(sinks.map(sink => sink.writes)).toEqual([0, 0, 0, 0, 0]);
    clock.turn();
    expect(sinks.map(sink => sink.writes)).toEqual([1, 1, 1, 1, 1]);
    expect(clock.immediates).toBe(0);
  });

  it('writes what is asked for during the writes in the next turn, turn after turn', () => {
    const clock = new HandClock();
    const writes = new TurnWrites(clock, joined);
    const [first, second] = [new HandSink(), new HandSink()];
    first.onWrite = () => writes.request(second);
    for (let i = 1; i <= 3; i++) {
      writes.request(first);
      clock.turn();
      expect([first.writes, second.writes]).toEqual([i, i - 1]);
      clock.turn();
      expect([first.writes, second.writes]).toEqual([i, i]);
    }
    expect(clock.immediates).toBe(0);
  });

  it('writes the answers to many requests in one buffer, whose memory it gives back', () => {
    const core = new Core();
    const { connection, socket } = core.connect();
    const writes: number[] = [];
    const write = socket.write.bind(socket);
    socket.write = (data, done) => {
      writes.push(data.length);
      return write(data, done);
    };
    for (let i = 0; i < 100; i++) connection.tell(`{"event":"answer","id":${i}}`);
    core.clock.turn();
    expect(writes).toHaveLength(1);
    expect(socket.frames.map(({ id }) => id as number)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(core.pool.stats()).toMatchObject({ inUse: 0, taken: 1 });
  });
});
