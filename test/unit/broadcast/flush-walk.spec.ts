import { beforeEach, describe, expect, it } from 'vitest';
import { FlushWalk } from '../../../lib/broadcast/flush-walk.js';
import type { Lane } from '../../../lib/topic/topic.js';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { type BatchSink, UnsentBatches } from '../../../lib/wire/batch.js';
import { JoinedBatches } from '../../../lib/wire/joined-batches.js';
import { HandSink } from '../../support/unit/subscribers.js';
import { topicOf } from '../../support/unit/topics.js';

let now: number;
let log: string[];
/** Milliseconds that a step of a lane takes. */
let cost: number;
/** Steps that each lane takes. */
let steps: number;
/** The sinks that each lane leaves to be written. */
let touches: HandSink[];
let begun: string[];
/** Whether each step could leave sinks to be written. */
let laters: boolean[];
/** Times that shared memory was released. */
let ends: number;
let walk: FlushWalk;

beforeEach(() => {
  now = 0;
  log = [];
  cost = 0;
  steps = 1;
  touches = [];
  begun = [];
  laters = [];
  ends = 0;
  let at: Lane;
  let left: number;
  const topicWalk = {
    serveAlone: () => false,
    begin(lane: Lane) {
      at = lane;
      left = steps;
      begun.push(lane.topic.name);
    },
    step(_until: number, later: BatchSink[] | undefined) {
      log.push(at.topic.name);
      laters.push(later !== undefined);
      now += cost;
      later?.push(...touches.splice(0));
      return --left === 0;
    },
    clear: () => log.push('cleared'),
  };
  const joined = new JoinedBatches(new BufferPool(), new UnsentBatches());
  walk = new FlushWalk(topicWalk, joined, { endFlush: () => ends++ }, () => now);
});

function sinks(count: number, msPerWrite = 0): HandSink[] {
  return Array.from({ length: count }, (_, i) => {
    const sink = new HandSink();
    sink.onWrite = () => {
      log.push(`write ${i}`);
      now += msPerWrite;
    };
    return sink;
  });
}

function dirty(...names: string[]): Lane[] {
  return names.map(name => {
    const { lane } = topicOf(name);
    // So many subscriptions that there is a look at the clock after each lane.
    for (let i = 0; i < 16; i++) lane.add({ moveTo: () => {} } as never);
    return Object.assign(lane, { dirty: true });
  });
}

describe('FlushWalk', () => {
  it('hands every lane out before it writes, and writes to each sink once', () => {
    touches = sinks(2);
    walk.start(dirty('a', 'b'));
    expect(walk.step(8)).toBe(true);
    expect(log).toEqual(['a', 'b', 'write 0', 'write 1', 'cleared']);
    expect(ends).toBe(1);
    walk.start([]);
    expect(walk.step(8)).toBe(true);
    expect(log).toHaveLength(6);
  });

  it('leaves nothing to be written later when there is one lane only', () => {
    walk.start(dirty('a'));
    walk.step(8);
    walk.start(dirty('a', 'b'));
    walk.step(8);
    expect(laters).toEqual([false, true, true]);
  });

  it('begins each lane once', () => {
    steps = 2;
    walk.start(dirty('a', 'b'));
    for (let done = false; !done;) done = walk.step(8);
    expect(begun).toEqual(['a', 'b']);
  });

  it('gives an empty list for the next flush, and never the one it walks', () => {
    const first = dirty('a');
    const next = walk.start(first);
    expect(next).toEqual([]);
    expect(next).not.toBe(first);
    walk.step(8);
    expect(walk.start(next)).toEqual([]);
  });

  it('takes a lane off the list before it hands it out, so that it can be asked for again', () => {
    const lanes = dirty('a', 'b');
    steps = 2;
    walk.start([...lanes]);
    expect(walk.step(8)).toBe(false);
    expect(lanes.map(lane => lane.dirty)).toEqual([false, true]);
  });

  it('goes on with a lane that was not done in one slice', () => {
    steps = 3;
    walk.start(dirty('a', 'b'));
    for (let done = false; !done;) done = walk.step(8);
    expect(log).toEqual(['a', 'a', 'a', 'b', 'b', 'b', 'cleared']);
  });

  it('stops after a lane when time is up, and goes on with the next', () => {
    cost = 4;
    walk.start(dirty('a', 'b', 'c'));
    expect(walk.step(now + 8)).toBe(false);
    expect(log).toEqual(['a', 'b']);
    expect(walk.step(now + 8)).toBe(true);
    expect(log).toEqual(['a', 'b', 'c', 'cleared']);
  });

  it('spreads the writes over slices, and leaves nobody out', () => {
    touches = sinks(100, 1);
    walk.start(dirty('a', 'b'));
    const writes: number[] = [];
    for (let done = false; !done;) {
      done = walk.step(now + 8);
      writes.push(log.length - 2);
    }
    expect(writes.slice(0, 3)).toEqual([16, 32, 48]);
    expect(new Set(log).size).toBe(103);
    expect(log).toHaveLength(103);
  });

  describe('#clear', () => {
    it('forgets what is left, so that each of its lanes can be asked for anew', () => {
      const [a, b, c, d] = dirty('a', 'b', 'c', 'd') as [Lane, Lane, Lane, Lane];
      cost = 10;
      walk.start([a, b, c, d]);
      walk.step(now + 8);
      steps = 2;
      walk.step(now + 8);
      a.dirty = b.dirty = true;
      walk.clear();
      expect([a, b, c, d].map(lane => lane.dirty)).toEqual([true, true, false, false]);
      expect(walk.step(now + 8)).toBe(true);
      expect(log).toEqual(['a', 'b', 'cleared', 'cleared']);
    });
  });
});
