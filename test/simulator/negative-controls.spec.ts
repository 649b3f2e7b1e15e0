import { describe, expect, it } from 'vitest';
import { scenarioOf } from './generate.js';
import { play } from './play.js';
import { LINE_SABOTAGES } from './sabotage.lines.js';
import { SABOTAGES } from './sabotage.js';

/** Scenarios in which the oracle must have found it: a tenth of what it needs for the rarest. */
const MOST_SCENARIOS = 6000;

/** A core that is broken in one point, with the oracle looking at it. An oracle that never objects is worth nothing. */
describe('the oracle', () => {
  it.each(Object.entries({ ...SABOTAGES, ...LINE_SABOTAGES }))(
    'notices when %s',
    { timeout: 120_000 },
    async (_, { options, rules }) => {
      for (let seed = 0; seed < MOST_SCENARIOS; seed++) {
        const violation = await play(scenarioOf(seed), options);
        if (violation === undefined) continue;
        expect(rules, violation.message).toContain(violation.rule);
        return;
      }
      expect.fail(`nothing was found in ${MOST_SCENARIOS} scenarios`);
    },
  );
});
