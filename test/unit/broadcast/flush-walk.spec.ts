import { beforeEach, describe, expect, it } from 'vitest';
import { FlushWalk } from '../../../lib/broadcast/flush-walk.js';
import { Topic } from '../../../lib/topic/topic.js';
import { HandSink } from '../support/subscribers.js';

let now: number;
let log: string[];
/** Milliseconds that delivering a topic takes. */
let cost: number;
/** The sinks that each delivery touches. */
let touches: HandSink[];
let walk: FlushWalk;

beforeEach(() => {
  now = 0;
  log = [];
  cost = 0;
  touches = [];
  walk = new FlushWalk(
    (topic, touched) => {
      log.push(topic.name);
      now += cost;
      touched.push(...touches.splice(0));
    },
    () => now,
  );
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

function dirty(...names: string[]): Topic[] {
  return names.map(name => Object.assign(new Topic(name, 'e', { size: 0 }), { dirty: true }));
}

describe('FlushWalk', () => {
  it('delivers every topic before it writes, and writes to each sink once', () => {
    touches = sinks(2);
    walk.start(dirty('a', 'b'));
    expect(walk.step(8)).toBe(true);
    expect(log).toEqual(['a', 'b', 'write 0', 'write 1']);
    walk.start([]);
    expect(walk.step(8)).toBe(true);
    expect(log).toHaveLength(4);
  });

  it('gives an empty list for the next flush, and never the one it walks', () => {
    const first = dirty('a');
    const next = walk.start(first);
    expect(next).toEqual([]);
    expect(next).not.toBe(first);
    walk.step(8);
    expect(walk.start(next)).toEqual([]);
  });

  it('takes a topic off the list before it delivers it, so that it can be asked for again', () => {
    const topics = dirty('a', 'b');
    cost = 10;
    walk.start([...topics]);
    expect(walk.step(8)).toBe(false);
    expect(topics.map(topic => topic.dirty)).toEqual([false, true]);
  });

  it('stops after a topic when time is up, and goes on with the next', () => {
    cost = 4;
    walk.start(dirty('a', 'b', 'c'));
    expect(walk.step(now + 8)).toBe(false);
    expect(log).toEqual(['a', 'b']);
    expect(walk.step(now + 8)).toBe(true);
    expect(log).toEqual(['a', 'b', 'c']);
  });

  it('spreads the writes over slices, and leaves nobody out', () => {
    touches = sinks(100, 1);
    walk.start(dirty('a'));
    const writes: number[] = [];
    for (let done = false; !done;) {
      done = walk.step(now + 8);
      writes.push(log.length - 1);
    }
    expect(writes.slice(0, 3)).toEqual([16, 32, 48]);
    expect(new Set(log).size).toBe(101);
    expect(log).toHaveLength(101);
  });

  describe('#clear', () => {
    it('forgets what is left, so that each of its topics can be asked for anew', () => {
      const [a, b, c] = dirty('a', 'b', 'c') as [Topic, Topic, Topic];
      cost = 10;
      walk.start([a, b, c]);
      walk.step(now + 8);
      a.dirty = true;
      walk.clear();
      expect([a.dirty, b.dirty, c.dirty]).toEqual([true, false, false]);
      expect(walk.step(now + 8)).toBe(true);
      expect(log).toEqual(['a']);
    });
  });
});
