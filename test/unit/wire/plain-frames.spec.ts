import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../../lib/memory/buffer-pool.js';
import { encode } from '../../../lib/wire/encode.js';
import { plainJson } from '../../../lib/wire/json-format.js';
import { PlainFrames } from '../../../lib/wire/plain-frames.js';
import { entriesOf, publicationsOf } from '../support/entries.js';
import { publicationsIn } from '../support/frames.js';

describe('PlainFrames', () => {
  describe('#without', () => {
    it('gives every other frame, whole and in order, over all pieces, and lets go of the slabs with the last reader', () => {
      const message = fc.record({
        length: fc.oneof(fc.nat(300), fc.integer({ min: 30_000, max: 70_000 })),
        left: fc.boolean(),
      });
      fc.assert(
        fc.property(fc.array(message, { minLength: 1, maxLength: 12 }), messages => {
          const pool = new BufferPool();
          const entries = entriesOf(
            messages.map(({ length }, i) => String.fromCharCode(97 + (i % 26)).repeat(length)),
          );
          const whole = encode(plainJson, 't.1', entries, pool);
          const left = entries.filter((_, i) => messages[i]!.left);
          const part = new PlainFrames(whole, 't.1', entries).without(left.map(({ offset }) => offset));
          whole.release();
          const kept = entries.filter((_, i) => !messages[i]!.left);
          const seen = part === undefined ? [] : publicationsIn(Buffer.concat(part.buffers));
          expect(seen).toEqual(publicationsOf('t.1', kept));
          expect(pool.stats().inUse > 0).toBe(
            part !== undefined && entries.some(({ bytes }) => bytes < 65_000),
          );
          part?.release();
          expect(pool.stats().inUse).toBe(0);
        }),
        { numRuns: 100 },
      );
    });

    it('does not mind offsets that are not in the batch', () => {
      const entries = entriesOf(['a', 'b']);
      const whole = encode(plainJson, 't', entries, new BufferPool());
      const part = new PlainFrames(whole, 't', entries).without([77])!;
      expect(publicationsIn(Buffer.concat(part.buffers))).toEqual(publicationsOf('t', entries));
    });
  });
});
