import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchedJson, plainJson } from '../../../lib/protocol/json-formats.js';
import { gapText } from '../../../lib/protocol/json-gap.js';
import { gapEntry, type LogEntry } from '../../../lib/wire/log-entry.js';
import { deflated } from '../../../lib/wire/wire-format.js';
import { entriesOf, entryOf, publicationsOf } from '../../support/unit/entries.js';
import { parseFrames, publicationsIn } from '../../support/unit/frames.js';

const MARGIN = 8;

/** The bytes of a format, written into memory with a guarded margin on both sides. */
function written(format: typeof plainJson, topic: string, entries: readonly LogEntry[]): Buffer {
  const origin = { name: topic, epoch: 'e' };
  const size = format.size(origin, entries);
  const memory = Buffer.alloc(size + 2 * MARGIN, 0xee);
  expect(format.write(memory, MARGIN, origin, entries)).toBe(MARGIN + size);
  const margins = Buffer.concat([memory.subarray(0, MARGIN), memory.subarray(MARGIN + size)]);
  expect(margins.every(byte => byte === 0xee)).toBe(true);
  return memory.subarray(MARGIN, MARGIN + size);
}

const FORMATS = [
  ['plain', plainJson],
  ['batched', batchedJson],
] as const;

describe.each(FORMATS)('the %s format', (_, format) => {
  it('fills exactly the bytes it foretells, and a client reads what was published', () => {
    const entries = fc
      .array(fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary', maxLength: 300 })), {
        minLength: 1,
        maxLength: 12,
      })
      .chain(values => fc.nat(2 ** 40).map(from => entriesOf(values, from + 1)));
    const topic = fc.constantFrom('t', 'prices.AAPL', `a.${'b'.repeat(253)}`);
    fc.assert(
      fc.property(topic, entries, (name, publications) => {
        expect(publicationsIn(written(format, name, publications))).toEqual(
          publicationsOf(name, publications),
        );
      }),
    );
  });

  // 36 bytes of envelope around 't' and a one-digit offset, so each header size is crossed on both sides.
  it.each([80, 90, 97, 98, 100, 65_480, 65_507, 65_508, 65_520, 66_000])(
    'is right around the sizes where headers grow, with a payload of %i characters',
    length => {
      for (const text of ['x'.repeat(length), 'é'.repeat(length / 2)]) {
        const entries = [entryOf(text, 7)];
        expect(publicationsIn(written(format, 't', entries))).toEqual([
          { topic: 't', offset: 7, data: text },
        ]);
      }
    },
  );

  it.each(['é', '😀', '\u2028', '\ud800', '"\\\u0000', '漢'])('carries %j', text => {
    expect(publicationsIn(written(format, 't', [entryOf({ [text]: text }, 1)]))).toEqual([
      { topic: 't', offset: 1, data: { [text]: text } },
    ]);
  });

  it('writes a gap as a frame of its own would be, alone and among publications', () => {
    const data = { from: 2, to: 3, reason: 'slow' } as const;
    const text = gapText({ name: 't', epoch: 'e' }, data);
    const gap = gapEntry(data);
    const [before, after] = [entryOf('a', 1), entryOf('b', 4)];
    for (const entries of [[gap], [gap, after], [before, gap], [before, gap, after]]) {
      const texts = entries.map(entry =>
        entry === gap ? text : JSON.stringify(publicationsOf('t', [entry])[0]),
      );
      const frames = parseFrames(written(format, 't', entries)).map(({ payload }) => String(payload));
      expect(frames).toEqual(format === plainJson || entries.length === 1 ? texts : [`[${texts.join()}]`]);
    }
  });

  it('writes a single publication as one object in one frame', () => {
    const frames = parseFrames(written(format, 'prices.AAPL', [entryOf({ last: 1 }, 43)]));
    expect(frames.map(({ payload }) => String(payload))).toEqual([
      '{"topic":"prices.AAPL","offset":43,"data":{"last":1}}',
    ]);
  });
});

describe('plainJson', () => {
  it('gives every publication a frame of its own', () => {
    const frames = parseFrames(written(plainJson, 't', entriesOf(['a', 'b', 'c'])));
    expect(frames).toHaveLength(3);
    expect(frames.every(({ fin, opcode }) => fin && opcode === 1)).toBe(true);
  });
});

describe('batchedJson', () => {
  it('puts a whole batch into one frame with an array', () => {
    const frames = parseFrames(written(batchedJson, 't', entriesOf(['a', 'b'], 9)));
    expect(frames.map(({ payload }) => String(payload))).toEqual([
      '[{"topic":"t","offset":9,"data":"a"},{"topic":"t","offset":10,"data":"b"}]',
    ]);
  });
});

describe('deflated', () => {
  it.each(FORMATS)(
    'is another format than the %s one, the same each time, with the same frames',
    (_, format) => {
      const twin = deflated(format);
      expect(twin).not.toBe(format);
      expect(deflated(format)).toBe(twin);
      expect(twin.deflates).toBe(format);
      expect(format.deflates).toBeUndefined();
      expect(written(twin, 't', entriesOf([1, 'a']))).toEqual(written(format, 't', entriesOf([1, 'a'])));
    },
  );
});
