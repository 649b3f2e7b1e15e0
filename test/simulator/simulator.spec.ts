import { describe, expect, it } from 'vitest';
import { playSeeds, type Failure, kindsOf } from './campaign.js';
import { reportOf } from './report.js';
import { Tally } from './tally.js';

const RUNS = 10_000;

/** What so many scenarios must get to, and how often at least: half of what they do. */
const REACHED: Readonly<Record<string, number>> = {
  publication: 150_000,
  'publication: others left out': 2000,
  behind: 1500,
  presence: 500,
  'recovered: true': 3000,
  'recovered: false': 2000,
  'gap: slow': 800,
  'gap: slow, with a snapshot': 100,
  'gap: expired': 400,
  'gap: except': 1000,
  'close frame: 1000': 600,
  'close frame: 4001': 400,
  'waits for its turn': 200,
  'closed as slow: frozen': 500,
  'closed as slow: too far behind': 300,
  'closed as slow: over the budget': 600,
};

describe('the core', () => {
  const tally = new Tally();

  it(`keeps what it promises in ${RUNS} scenarios`, async () => {
    const failures: Failure[] = [];
    await playSeeds(
      { from: 0, runs: RUNS, stride: 1 },
      progress => failures.push(...progress.failures),
      tally,
    );
    if (failures.length === 0) return;
    const kinds = [...kindsOf(failures)].map(([kind, { length }]) => `${length} × ${kind}`);
    expect.fail(`${failures.length} failed\n${kinds.join('\n')}\n\n${await reportOf(failures[0]!.seed)}`);
  });

  it.each(Object.entries(REACHED))('is brought to "%s" by them', (what, least) => {
    expect(tally.count(what)).toBeGreaterThanOrEqual(least);
  });
});
