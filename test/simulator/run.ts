import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { type Failure, kindsOf, playInThreads, playSeeds, type Seeds } from './campaign.js';
import { scenarioOf } from './generate.js';
import { readable } from './readable.js';
import { failureOf, reportOf } from './report.js';

// npm run simulate -- [--runs N] [--from N] [--jobs N] | --seed N

/** Kinds of failures that are made small and printed: each takes some seconds. */
const MOST_REPORTED = 5;

/** Scenarios between two lines of progress. */
const LINE_EVERY = 20_000;

if (isMainThread) process.exitCode = await main();
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
else await playSeeds(workerData as Seeds, progress => parentPort!.postMessage(progress));

/** Returns the exit code. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      runs: { type: 'string', default: '10000' },
      from: { type: 'string', default: '0' },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  });
  if (values.seed !== undefined) return replay(Number(values.seed));
  return campaign(Number(values.from), Number(values.runs), Number(values.jobs));
}

async function replay(seed: number): Promise<number> {
  const report = await reportOf(seed);
  console.log(report ?? `seed ${seed}: nothing is wrong\n${readable(scenarioOf(seed))}`);
  return report === undefined ? 0 : 1;
}

async function campaign(from: number, runs: number, jobs: number): Promise<number> {
  console.log(`seeds ${from} to ${from + runs - 1} in ${jobs} threads`);
  const started = performance.now();
  const failures: Failure[] = [];
  let played = 0;
  await playInThreads(new URL(import.meta.url), { from, runs }, jobs, progress => {
    failures.push(...progress.failures);
    const lines = Math.floor(played / LINE_EVERY);
    played += progress.played;
    if (Math.floor(played / LINE_EVERY) > lines) console.log(`${played} played, ${failures.length} failed`);
  });
  const seconds = (performance.now() - started) / 1000;
  const kinds = [...kindsOf(failures)].sort(([, a], [, b]) => b.length - a.length);
  for (const [, [{ seed } = { seed: 0 }]] of kinds.slice(0, MOST_REPORTED))
    console.log(`\n${await failureOf(seed)}`);
  console.log(`\n${played} scenarios in ${seconds.toFixed(0)} s, ${failures.length} failed`);
  for (const [kind, { length, 0: first }] of kinds) console.log(`${length} × ${kind} (seed ${first!.seed})`);
  return failures.length === 0 ? 0 : 1;
}
