import { describe, expect, it } from 'vitest';
import { playSeeds, type Failure, kindsOf } from './campaign.js';
import { failureOf } from './report.js';
import { Tally } from './tally.js';

const RUNS = 8000;

/** What so many scenarios must get to, and how often at least: half of what they do, or less where the core may do better. */
const REACHED: Readonly<Record<string, number>> = {
  publication: 150_000,
  'publication: others left out': 2000,
  behind: 2500,
  presence: 450,
  'recovered: true': 3000,
  'recovered: false': 1700,
  'gap: slow': 1000,
  'gap: slow, with a snapshot': 150,
  'gap: slow, for its age': 100,
  'gap: expired': 500,
  'gap: except': 1000,
  'close frame: 1000': 450,
  'close frame: 4001': 600,
  'waits for its turn': 300,
  ping: 10_000,
  'message in parts': 300,
  'closed as slow: frozen': 500,
  'closed as slow: acknowledges nothing': 10,
  'closed as slow: too far behind': 300,
  'closed as slow: too late': 20,
  'closed as slow: over the budget': 350,
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
    expect.fail(`${failures.length} failed\n${kinds.join('\n')}\n\n${await failureOf(failures[0]!.seed)}`);
  });

  it.each(Object.entries(REACHED))('is brought to "%s" by them', (what, least) => {
    expect(tally.count(what)).toBeGreaterThanOrEqual(least);
  });
});
