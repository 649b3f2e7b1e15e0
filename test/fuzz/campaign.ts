import fc from 'fast-check';
import { ATTACKS } from './arbitraries/scripts.js';
import type { Arena } from './arena.js';
import { Memory } from './memory.js';
import type { Script } from './script.js';

/** Attacks that were too much for the application, made as small as they get. */
export interface Failure {
  readonly attack: string;
  readonly seed: number;
  /** To the smallest case, for fast-check. */
  readonly path: string | undefined;
  readonly scripts: readonly Script[];
  readonly violations: readonly string[];
}

export interface Campaign {
  readonly seed: number;
  /** Milliseconds, and rounds if they are given. */
  readonly forMs: number;
  readonly rounds?: number;
  /** Runs of each kind of attack in a round. Rounds are equal, so that the memory after them can be compared. */
  readonly runs: number;
  readonly attacks?: readonly string[];
  readonly onRound?: (report: Report) => void;
}

export interface Attack {
  /** A name in {@link ATTACKS}. */
  readonly attack: string;
  readonly seed: number;
  readonly runs: number;
  /** Of a case that has failed: that one alone. */
  readonly path?: string;
  readonly shrinkMs?: number;
}

export interface Report {
  runs: number;
  rounds: number;
  failures: Failure[];
  readonly memory: Memory;
}

/** Milliseconds that a failing case may be made smaller: each that fails costs a new application. */
const SHRINK_MS = 60_000;

/** Most failures that are looked for. */
const ENOUGH = 5;

/** Attacks in rounds until the time is over, each round with a seed of its own. */
export async function campaign(
  arena: Arena,
  { seed, forMs, rounds = Infinity, runs, attacks = Object.keys(ATTACKS), onRound }: Campaign,
): Promise<Report> {
  const until = Date.now() + forMs;
  const report: Report = { runs: 0, rounds: 0, failures: [], memory: new Memory() };
  while (Date.now() < until && report.rounds < rounds && report.failures.length < ENOUGH) {
    for (const attack of attacks) {
      const failure = await attackWith(arena, { attack, seed: seed + report.rounds, runs });
      report.runs += runs;
      if (failure !== undefined) report.failures.push(failure);
    }
    const left = await arena.idle();
    if (left.length > 0)
      report.failures.push({
        attack: 'idle',
        seed: seed + report.rounds,
        path: undefined,
        scripts: [],
        violations: left,
      });
    else report.memory.add(await arena.target.memory());
    report.rounds++;
    onRound?.(report);
  }
  const grown = report.memory.growth();
  if (grown !== undefined)
    report.failures.push({ attack: 'memory', seed, path: undefined, scripts: [], violations: [grown] });
  return report;
}

/** One kind of attack, `runs` times; the smallest failing case, if one fails. */
export async function attackWith(
  arena: Arena,
  { attack, seed, runs, path, shrinkMs = SHRINK_MS }: Attack,
): Promise<Failure | undefined> {
  let violations: string[] = [];
  let shrinkUntil = Infinity;
  const property = fc.asyncProperty(ATTACKS[attack]!, async scripts => {
    // A case that is not tried counts as one that does not fail: the smallest so far stays.
    if (Date.now() > shrinkUntil) return true;
    const found = await arena.attack(scripts);
    if (found.length === 0) return true;
    violations = found;
    shrinkUntil = Math.min(shrinkUntil, Date.now() + shrinkMs);
    return false;
  });
  const details = await fc.check(property, {
    seed,
    numRuns: runs,
    ...(path === undefined ? {} : { path, endOnFailure: true }),
  });
  if (!details.failed) return undefined;
  return {
    attack,
    seed,
    path: details.counterexamplePath ?? undefined,
    scripts: details.counterexample?.[0] ?? [],
    violations,
  };
}

/** What was found, with the command that shows it again. */
export function readable({ attack, seed, path, scripts, violations }: Failure): string {
  const command = path === undefined ? `--seed ${seed}` : `--attack ${attack} --seed ${seed} --path ${path}`;
  return [
    `${attack}: ${violations.join('\n  ')}`,
    ...scripts.map(script => `  ${JSON.stringify(script)}`),
    `  again: npm run fuzz -- ${command}`,
  ].join('\n');
}
