import { describe, expect, it } from 'vitest';
import { scenarioOf } from './generate.js';
import { readable } from './readable.js';
import type { Scenario } from './scenario.js';
import { shrink } from './shrink.js';
import { Violation } from './violation.js';

/** Fails when a ping of client 1 comes after a publication of more than 100 bytes. */
async function fails({ steps, clients }: Scenario): Promise<Violation | undefined> {
  const at = steps.findIndex(step => step.do === 'publish' && step.size > 100);
  const ping = at >= 0 && clients.length > 1 && steps.slice(at).some(step => step.do === 'ping');
  return ping ? new Violation('loss', 'found') : undefined;
}

async function failing(): Promise<Scenario> {
  for (let seed = 0; ; seed++) {
    const scenario = scenarioOf(seed);
    if ((await fails(scenario)) !== undefined) return scenario;
  }
}

describe('shrink', () => {
  it('leaves nothing that the failure does not need', async () => {
    const { scenario, violation } = await shrink(await failing(), new Violation('loss', ''), fails);
    expect(violation.message).toBe('loss: found');
    expect(scenario.clients).toHaveLength(2);
    expect(Object.keys(scenario.topics)).toHaveLength(1);
    expect(scenario.steps).toEqual([
      { do: 'publish', topic: expect.any(String), count: 1, size: 101, keys: 1 },
      { do: 'ping', client: expect.any(Number) },
    ]);
  });

  it('does not take another failure for the same', async () => {
    const scenario = await failing();
    const other = async (): Promise<Violation> => new Violation('rest', '');
    expect((await shrink(scenario, new Violation('loss', ''), other)).scenario).toBe(scenario);
  });
});

describe('scenarioOf', () => {
  it('gives the same scenario for a seed, and another one for the next', () => {
    expect(scenarioOf(7)).toEqual(scenarioOf(7));
    expect(scenarioOf(8)).not.toEqual(scenarioOf(7));
  });
});

describe('readable', () => {
  it('prints a scenario as TypeScript', () => {
    for (let seed = 0; seed < 50; seed++) {
      const scenario = scenarioOf(seed);
      // oxlint-disable-next-line no-new-func
      expect(new Function(`return ${readable(scenario)}`)()).toEqual(scenario);
    }
  });
});
