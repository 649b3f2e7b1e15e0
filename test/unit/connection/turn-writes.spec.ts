import { describe, expect, it } from 'vitest';
import { TurnWrites } from '../../../lib/connection/turn-writes.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { HandSink } from '../../support/unit/subscribers.js';

describe('TurnWrites', () => {
  it('writes at the end of the turn, with one immediate for all', () => {
    const clock = new HandClock();
    const writes = new TurnWrites(clock);
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
    const writes = new TurnWrites(clock);
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
});
