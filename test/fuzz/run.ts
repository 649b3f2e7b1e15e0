import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Arena } from './arena.js';
import { attackWith, campaign, type Failure, readable, type Report } from './campaign.js';
import { corpus } from './corpus.js';
import type { TargetSetup } from './target.js';

// npm run fuzz -- [--minutes N] [--seed N] [--attack NAME] [--path P] [--tls] [--sabotage NAME]

/** Runs of each kind of attack in a round. */
const RUNS = 200;

/** This file is below test/fuzz/dist. */
const APPLICATION = fileURLToPath(new URL('target/app.js', import.meta.url));
const CORPUS = fileURLToPath(new URL('../../../corpus', import.meta.url));

process.exitCode = await main();

/** Returns the exit code. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      attack: { type: 'string' },
      path: { type: 'string' },
      tls: { type: 'boolean' },
      sabotage: { type: 'string' },
    },
  });
  const { attack, path, sabotage } = values;
  const seed = Number(values.seed);
  if (attack !== undefined && path !== undefined)
    return report(
      await withArena({ tls: values.tls, sabotage }, arena =>
        attackWith(arena, { attack, seed, runs: 1, path }),
      ),
    );
  // Over TLS the same bytes come in other pieces, and end otherwise: a third of the time, if it is not asked for.
  const passes =
    values.tls === undefined
      ? [
          { tls: false, share: 2 / 3 },
          { tls: true, share: 1 / 3 },
        ]
      : [{ tls: values.tls, share: 1 }];
  let failed = 0;
  for (const { tls, share } of passes) {
    console.log(`seed ${seed}, ${tls ? 'wss' : 'ws'}`);
    failed += await withArena({ tls, sabotage }, async arena => {
      const known = await replayCorpus(arena);
      const forMs = Number(values.minutes) * share * 60_000;
      const attacks = attack === undefined ? undefined : [attack];
      const done = await campaign(arena, { seed, forMs, runs: RUNS, attacks, onRound: progress });
      for (const failure of done.failures) console.log(`\n${readable(failure)}`);
      console.log(
        `${done.runs} runs in ${done.rounds} rounds, ${done.failures.length} failed; kept ${done.memory}`,
      );
      summary(arena);
      return known + done.failures.length;
    });
  }
  return failed === 0 ? 0 : 1;
}

async function withArena<T>(setup: TargetSetup, act: (arena: Arena) => Promise<T>): Promise<T> {
  const arena = new Arena(APPLICATION, setup);
  try {
    return await act(arena);
  } finally {
    await arena.close();
  }
}

async function replayCorpus(arena: Arena): Promise<number> {
  let failed = 0;
  for (const { name, what, scripts } of corpus(CORPUS)) {
    const violations = await arena.attack(scripts);
    if (violations.length === 0) continue;
    failed++;
    console.log(`corpus/${name} (${what}): ${violations.join('\n  ')}`);
  }
  return failed;
}

function report(failure: Failure | undefined): number {
  console.log(failure === undefined ? 'nothing is wrong' : readable(failure));
  return failure === undefined ? 0 : 1;
}

function progress({ rounds, runs, failures, memory }: Report): void {
  if (rounds % 5 === 0) console.log(`${runs} runs, ${failures.length} failed; kept ${memory}`);
}

/** What the attacks got to: a limit that none of them meets is not tested here. */
function summary(arena: Arena): void {
  const outcomes = [...arena.outcomes]
    .sort(([, a], [, b]) => b - a)
    .map(([what, count]) => `${count} × ${what}`);
  const refused = [...arena.rejected].filter(([, count]) => count > 0);
  console.log(outcomes.join(', '));
  console.log(refused.map(([cause, count]) => `${count} × ${cause}`).join(', '));
}
