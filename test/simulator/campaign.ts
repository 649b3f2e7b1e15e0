import { Worker } from 'node:worker_threads';
import { scenarioOf } from './generate.js';
import { play } from './play.js';
import type { Tally } from './tally.js';

/** Seeds to play. */
export interface Seeds {
  readonly from: number;
  readonly runs: number;
  /** From one seed to the next. */
  readonly stride: number;
}

/** A seed with which something is wrong. */
export interface Failure {
  readonly seed: number;
  readonly message: string;
}

/** What a thread says now and then. */
export interface Progress {
  readonly played: number;
  readonly failures: readonly Failure[];
}

/** Scenarios that a thread plays between two messages. */
const CHUNK = 500;

/** Plays seeds in this thread. @param tally counts what they get to */
export async function playSeeds(
  { from, runs, stride }: Seeds,
  tell: (progress: Progress) => void,
  tally?: Tally,
): Promise<void> {
  let failures: Failure[] = [];
  let played = 0;
  for (let i = 0; i < runs; i++) {
    const seed = from + i * stride;
    const violation = await play(scenarioOf(seed), { tally });
    if (violation !== undefined) failures.push({ seed, message: violation.message });
    if (++played < CHUNK && i < runs - 1) continue;
    tell({ played, failures });
    failures = [];
    played = 0;
  }
}

/**
 * Plays seeds in several threads.
 * @param entry the script that a thread runs: it finds its seeds in `workerData` and posts its progress
 */
export async function playInThreads(
  entry: URL,
  { from, runs }: Omit<Seeds, 'stride'>,
  threads: number,
  tell: (progress: Progress) => void,
): Promise<void> {
  const shares = Array.from({ length: Math.min(threads, runs) }, (_, i) => ({
    from: from + i,
    runs: Math.ceil((runs - i) / threads),
    stride: threads,
  }));
  await Promise.all(
    shares.map(
      share =>
        new Promise<void>((resolve, reject) => {
          const thread = new Worker(entry, { workerData: share, argv: [] });
          thread.on('message', tell);
          thread.on('error', reject);
          thread.on('exit', () => resolve());
        }),
    ),
  );
}

/** The first failure of each kind: of the others the figures differ. */
export function kindsOf(failures: readonly Failure[]): ReadonlyMap<string, readonly Failure[]> {
  const kinds = new Map<string, Failure[]>();
  for (const failure of [...failures].sort((a, b) => a.seed - b.seed)) {
    const kind = failure.message
      .split('\n')[0]!
      .replaceAll(/[\w-]{8}\.\w+:/g, 'e:')
      .replaceAll(/\d+/g, 'n')
      .replaceAll(/".*"/g, '…');
    const present = kinds.get(kind);
    if (present === undefined) kinds.set(kind, [failure]);
    else present.push(failure);
  }
  return kinds;
}
