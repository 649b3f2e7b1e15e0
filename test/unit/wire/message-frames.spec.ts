import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { type Batch, encodeBatch } from '../../../lib/wire/batch.js';
import { type LogEntry, withoutExpired } from '../../../lib/wire/log-entry.js';
import { plainJson } from '../../../lib/protocol/json-formats.js';
import { MessageFrames } from '../../../lib/wire/message-frames.js';
import { entriesOf, entryOf, ORIGIN } from '../../support/unit/entries.js';
import { parseFrames } from '../../support/unit/frames.js';

const gap = (from: number, to: number, reason: string): string =>
  JSON.stringify({ event: 'gap', data: { topic: 't', from, to, position: `e:${to}`, reason } });

const textsIn = ({ buffers }: Batch): string[] =>
  parseFrames(Buffer.concat(buffers)).map(({ payload }) => payload.toString());

/** One frame of a range, as a reader of the contract would write it down. */
interface Line {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** What follows `cursor` without any cleverness: every frame as text, runs of excepted publications as one. */
function linesAfter(entries: readonly LogEntry[], cursor: number, excepted: readonly number[]): Line[] {
  const lines: (Line & { run: boolean })[] = [];
  for (const { offset, json, gap: told } of entries) {
    if (offset <= cursor) continue;
    const last = lines.at(-1);
    if (told !== undefined) {
      const from = Math.max(told.from, cursor + 1);
      lines.push({ from, to: offset, text: gap(from, offset, 'expired'), run: false });
    } else if (!excepted.includes(offset)) {
      const text = `{"topic":"t","offset":${offset},"data":${json}}`;
      lines.push({ from: offset, to: offset, text, run: false });
    } else if (last?.run) {
      lines.splice(-1, 1, { ...last, to: offset, text: gap(last.from, offset, 'except') });
    } else {
      lines.push({ from: offset, to: offset, text: gap(offset, offset, 'except'), run: true });
    }
  }
  return lines;
}

/** As many as go into `limit`, and one at least. */
function within(lines: readonly Line[], limit: number): Line[] {
  let left = limit;
  const over = lines.findIndex(({ text }, i) => {
    const bytes = Buffer.byteLength(text);
    left -= bytes + (bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10);
    return left < 0 && i > 0;
  });
  return lines.slice(0, over < 0 ? lines.length : over);
}

const publication = fc.record({
  /** Offsets conflated away before it. */
  hole: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }) },
  ),
  length: fc.oneof(
    { weight: 6, arbitrary: fc.nat(300) },
    { weight: 1, arbitrary: fc.integer({ min: 20_000, max: 70_000 }) },
  ),
  expired: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.boolean() }),
  excepted: fc.boolean(),
});

const scenario = fc.record({
  publications: fc.array(publication, { minLength: 1, maxLength: 40, size: 'max' }),
  before: fc.nat(3),
  /** Publications at the end of the range that were conflated away. */
  after: fc.nat(3),
  cursor: fc.nat(60),
  limit: fc.oneof(fc.nat(2000), fc.integer({ min: 60_000, max: 200_000 }), fc.constant(Infinity)),
  /** Offsets that a connection does not get, but that are not there either. */
  strays: fc.array(fc.nat(80), { maxLength: 3 }),
  exceptions: fc.boolean(),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer S> ? S : never;

function built({ publications, before, after, strays, exceptions }: Scenario) {
  let offset = before;
  const published = publications.map(({ hole, length, expired }, i) => {
    offset += hole + 1;
    const entry = entryOf(String.fromCharCode(97 + (i % 26)).repeat(length), offset);
    return { ...entry, expires: expired ? 5 : i % 2 === 0 ? 0 : 6 };
  });
  const offsets = published.filter((_, i) => publications[i]!.excepted).map(one => one.offset);
  const excepted = exceptions ? [...new Set([...offsets, ...strays])].sort((a, b) => a - b) : [];
  const entries = withoutExpired(published, 5);
  const pool = new BufferPool();
  const whole = encodeBatch(plainJson, ORIGIN, entries, pool);
  const upTo = offset + after;
  return {
    entries,
    excepted,
    pool,
    whole,
    upTo,
    frames: new MessageFrames(whole, plainJson, ORIGIN, entries, upTo),
  };
}

describe('MessageFrames', () => {
  describe('#after', () => {
    it('is what follows the cursor, as far as there is room, with a gap for each run of what is not for this one', () => {
      fc.assert(
        fc.property(scenario, given => {
          const { entries, excepted, pool, whole, upTo, frames } = built(given);
          const all = linesAfter(entries, given.cursor, excepted);
          const lines = within(all, given.limit);
          const part = frames.after(given.cursor, given.limit, excepted);
          whole.release();
          expect(part === undefined).toBe(all.length === 0);
          if (part !== undefined) {
            expect(textsIn(part.batch)).toEqual(lines.map(({ text }) => text));
            expect(part.cursor).toBe(lines.length === all.length ? upTo : lines.at(-1)!.to);
            part.batch.release();
          }
          expect(pool.stats().inUse).toBe(0);
        }),
        { numRuns: 1000 },
      );
    });

    it('takes who asks again and again through everything, in parts that stay within the limit', () => {
      fc.assert(
        fc.property(scenario, given => {
          const { entries, excepted, whole, upTo, frames } = built(given);
          const lines = linesAfter(entries, given.cursor, excepted);
          const seen: string[] = [];
          let { cursor } = given;
          for (;;) {
            const part = frames.after(cursor, given.limit, excepted);
            if (part === undefined) break;
            const texts = textsIn(part.batch);
            expect(part.batch.bytes <= given.limit || texts.length === 1).toBe(true);
            expect(part.batch.buffers.every(({ length }) => length > 0)).toBe(true);
            expect(part.cursor).toBeGreaterThan(cursor);
            seen.push(...texts);
            ({ cursor } = part);
            part.batch.release();
          }
          expect(seen).toEqual(lines.map(({ text }) => text));
          expect(cursor).toBe(Math.max(given.cursor, lines.length > 0 ? upTo : 0));
          whole.release();
        }),
        { numRuns: 300 },
      );
    });

    it('leaves no offset untold and tells none twice when none was conflated away', () => {
      fc.assert(
        fc.property(scenario, given => {
          const publications = given.publications.map(one => ({ ...one, hole: 0 }));
          const { entries, excepted, upTo, frames } = built({ ...given, publications, after: 0 });
          let last = Math.min(Math.max(given.cursor, given.before), upTo);
          while (last < upTo) {
            const { batch, cursor } = frames.after(last, given.limit, excepted)!;
            for (const text of textsIn(batch)) {
              const { offset, data } = JSON.parse(text) as { offset?: number; data: Line };
              expect(offset ?? data.from).toBe(last + 1);
              last = offset ?? data.to;
            }
            expect(cursor).toBe(last);
          }
          expect(last).toBe(entries.at(-1)!.offset);
        }),
        { numRuns: 300 },
      );
    });

    it('is the shared batch itself where that is all of it, and has its memory to the last reader', () => {
      const pool = new BufferPool();
      const whole = encodeBatch(plainJson, ORIGIN, entriesOf(['a', 'b'], 4), pool);
      const frames = new MessageFrames(whole, plainJson, ORIGIN, entriesOf(['a', 'b'], 4), 9);
      for (const limit of [whole.bytes, Infinity]) {
        for (const excepted of [[], [3, 6]]) {
          const part = frames.after(3, limit, excepted);
          expect(part!.batch).toBe(whole);
          expect(part!.cursor).toBe(9);
          part!.batch.release();
        }
      }
      expect(frames.after(3, whole.bytes - 1)!.batch).not.toBe(whole);
      const view = frames.after(4, 1)!.batch;
      whole.release();
      expect(pool.stats().inUse).toBe(1);
      view.release();
      // The part that is a byte too small is still out.
      expect(pool.stats().inUse).toBe(1);
    });

    it('is the shared batch itself when its only frame is larger than the limit', () => {
      const whole = encodeBatch(plainJson, ORIGIN, entriesOf(['a']), new BufferPool());
      const frames = new MessageFrames(whole, plainJson, ORIGIN, entriesOf(['a']));
      expect(frames.after(0, 1)!.batch).toBe(whole);
      expect(frames.after(1, 1)).toBeUndefined();
    });
  });

  describe('#without', () => {
    it('is everything, with gaps for what is left out', () => {
      fc.assert(
        fc.property(scenario, given => {
          const { entries, excepted, pool, whole, frames } = built(given);
          const batch = frames.without(excepted);
          whole.release();
          expect(textsIn(batch)).toEqual(linesAfter(entries, 0, excepted).map(({ text }) => text));
          batch.release();
          expect(pool.stats().inUse).toBe(0);
        }),
        { numRuns: 300 },
      );
    });

    it('is one gap for who is left out of everything', () => {
      const entries = entriesOf(['a', 'b', 'c'], 7);
      const frames = new MessageFrames(
        encodeBatch(plainJson, ORIGIN, entries, new BufferPool()),
        plainJson,
        ORIGIN,
        entries,
      );
      expect(textsIn(frames.without([7, 8, 9]))).toEqual([gap(7, 9, 'except')]);
    });

    it('is an empty batch when there is nothing', () => {
      const frames = new MessageFrames(
        encodeBatch(plainJson, ORIGIN, [], new BufferPool()),
        plainJson,
        ORIGIN,
        [],
      );
      expect(frames.without([1]).bytes).toBe(0);
      expect(frames.after(0, 1)).toBeUndefined();
    });
  });
});
