import { describe, expect, it } from 'vitest';
import { ErrorSamples } from '../../../lib/observe/error-samples.js';

describe('ErrorSamples', () => {
  it('logs three errors of each minute, the last with a word about the rest', () => {
    let now = 0;
    const lines: unknown[][] = [];
    const samples = new ErrorSamples(() => now, { error: (...line) => lines.push(line) });
    const log = (count: number): void => {
      for (let i = 1; i <= count; i++) samples.log(i, 'it failed');
    };
    log(5);
    expect(lines).toEqual([
      [1, 'it failed'],
      [2, 'it failed'],
      [3, 'it failed; more of this minute are not logged'],
    ]);
    now = 59_999;
    log(1);
    expect(lines).toHaveLength(3);
    now = 60_000;
    log(1);
    expect(lines).toHaveLength(4);
  });
});
