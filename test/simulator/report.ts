import { scenarioOf } from './generate.js';
import { play } from './play.js';
import { readable } from './readable.js';
import { shrink } from './shrink.js';

/** What is wrong with a seed, made small: the scenario as TypeScript, and what happens in it. Undefined when nothing is. */
export async function reportOf(seed: number): Promise<string | undefined> {
  const scenario = scenarioOf(seed);
  const violation = await play(scenario);
  if (violation === undefined) return undefined;
  const small = await shrink(scenario, violation, attempt => play(attempt));
  const lines: string[] = [];
  await play(small.scenario, { trace: line => lines.push(`  ${line()}`) });
  return [
    `seed ${seed}: ${violation.message}`,
    `with ${small.scenario.steps.length} of ${scenario.steps.length} steps: ${small.violation.message}`,
    readable(small.scenario),
    'what happens:',
    ...lines,
  ].join('\n');
}

/** What is wrong with a seed that has failed among others. */
export async function failureOf(seed: number): Promise<string> {
  const alone = `seed ${seed} does not fail when it is played alone: the core keeps something from one scenario to the next`;
  return (await reportOf(seed)) ?? alone;
}
