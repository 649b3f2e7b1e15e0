import { describe, expect, it } from 'vitest';
import { Batch, UnsentBatches } from '../../../lib/wire/batch.js';

function sending(unsent: UnsentBatches): Batch {
  const batch = new Batch([Buffer.from('x')], undefined, unsent.onSent);
  unsent.add(batch);
  return batch;
}

describe('UnsentBatches', () => {
  describe('#sent', () => {
    it('resolves at once when nothing is out', async () => {
      const unsent = new UnsentBatches();
      await expect(unsent.sent()).resolves.toBeUndefined();
      sending(unsent).release();
      await expect(unsent.sent()).resolves.toBeUndefined();
    });

    it('resolves when what is out now has left, and does not wait for what comes later', async () => {
      const unsent = new UnsentBatches();
      const done: string[] = [];
      const [first, second] = [sending(unsent), sending(unsent)];
      second.retain();
      const early = unsent.sent().then(() => done.push('early'));
      const third = sending(unsent);
      const late = unsent.sent().then(() => done.push('late'));
      first.release();
      second.release();
      await Promise.resolve();
      expect(done).toEqual([]);
      second.release();
      await early;
      expect(done).toEqual(['early']);
      third.release();
      await late;
      expect(done).toEqual(['early', 'late']);
    });
  });
});
