import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { WaitingFrames } from '../../../lib/connection/waiting-frames.js';
import { Batch } from '../../../lib/wire/batch.js';
import { textFrame } from '../../../lib/wire/frame.js';
import { textsIn } from '../../support/unit/frames.js';

let pinned: number;
let waiting: WaitingFrames;
let done: Batch[];

beforeEach(() => {
  pinned = 0;
  done = [];
  waiting = new WaitingFrames(bytes => void (pinned += bytes));
});

function add(...texts: string[]): Batch {
  const batch = new Batch(texts.map(textFrame));
  waiting.add(batch);
  return batch;
}

const take = (room: number, enough = room, cutAbove = 4096): Buffer =>
  Buffer.concat(waiting.take({ room, enough, cutAbove }, batch => done.push(batch)));

describe('WaitingFrames', () => {
  it('gives whole frames that fit, in order', () => {
    add('a'.repeat(98), 'b'.repeat(98));
    add('c'.repeat(98));
    expect(textsIn(take(250))).toEqual(['a'.repeat(98), 'b'.repeat(98)]);
    expect([waiting.bytes, done.length]).toEqual([100, 1]);
    expect(textsIn(take(100))).toEqual(['c'.repeat(98)]);
    expect([waiting.bytes, done.length, pinned]).toEqual([0, 2, 0]);
  });

  it('gives nothing of a frame that does not fit and is not large', () => {
    add('a'.repeat(4000));
    expect(take(3000)).toHaveLength(0);
    expect(waiting.isBegun).toBe(false);
  });

  it('cuts a large frame into fragments, of which the last one ends the message', () => {
    const text = 'é'.repeat(10_000);
    add(text, 'next');
    const pieces = [take(8192), take(8192), take(8192)];
    expect(pieces.map(piece => piece[0])).toEqual([0x01, 0x00, 0x80]);
    expect(pieces.every(({ length }) => length <= 8192)).toBe(true);
    expect(textsIn(Buffer.concat(pieces))).toEqual([text, 'next']);
  });

  it('keeps the mark of a compressed message on its first fragment only', () => {
    const frame = textFrame('x'.repeat(10_000));
    frame[0]! |= 0x40;
    waiting.add(new Batch([frame]));
    expect([take(5000), take(5000), take(5000)].map(piece => piece[0])).toEqual([0x41, 0x00, 0x80]);
  });

  it('gives no tiny pieces', () => {
    add('a'.repeat(10_000));
    expect(take(2047)).toHaveLength(0);
    expect(take(2048).length).toBeGreaterThan(2000);
    expect(take(100)).toHaveLength(0);
  });

  it('begins no further frame when there was enough', () => {
    add(...Array.from({ length: 10 }, () => 'a'.repeat(98)));
    expect(take(1000, 250)).toHaveLength(300);
  });

  it('holds what waits in memory, counted once, until it is taken', () => {
    const batch = add('a'.repeat(98));
    waiting.add(batch);
    expect(pinned).toBe(100);
    take(100);
    expect(pinned).toBe(100);
    take(100);
    expect([pinned, done.length]).toEqual([0, 2]);
  });

  it('drops what waits, and hands on a batch that was begun, because the socket may still read it', () => {
    const begun = add('a'.repeat(10_000));
    add('b');
    take(5000);
    const kept: Batch[] = [];
    waiting.drop(batch => kept.push(batch));
    expect([kept, waiting.bytes, waiting.isBegun, pinned]).toEqual([[begun], 0, false, 0]);
  });

  it('counts the headers of fragments', () => {
    add('a'.repeat(10_000), 'b'.repeat(998));
    take(5000);
    // 4990 bytes of the message were taken. The last 5010 with a header of four bytes leave no room for 1002 bytes.
    expect(take(5010 + 4 + 1001)).toHaveLength(5010 + 4);
  });

  it('gives every message whole and in order, whatever fits each time', () => {
    const texts = fc.array(fc.array(fc.nat(20_000), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 5,
    });
    const rooms = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(texts, rooms, (batches, allowances) => {
        const frames = new WaitingFrames(() => {});
        const all = batches.map(lengths => lengths.map((length, i) => String(i % 10).repeat(length)));
        for (const each of all) frames.add(new Batch(each.map(textFrame)));
        const taken: Buffer[] = [];
        for (let i = 0; frames.bytes > 0; i++) {
          const room = i < allowances.length ? allowances[i]! : 25_000;
          const pieces = frames.take({ room, enough: room, cutAbove: 4096 }, () => {});
          expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(room);
          taken.push(...(pieces as Buffer[]));
        }
        expect(textsIn(Buffer.concat(taken))).toEqual(all.flat());
      }),
      { numRuns: 100 },
    );
  });
});
